import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { toast } from 'sonner';
import { AskForResetForm } from '@/features/auth/components/ask-for-reset-form';
import { NewPasswordForm } from '@/features/auth/components/new-password-form';
import { useConfig } from '@/shared/api/get-config';
import { linkToken } from '@/shared/browser/link-token';
import { Skeleton } from '@/shared/ui/skeleton';
import { CenteredPage } from '../centered-page';

/** Asks for a link, or with a link's token for the new password. */
export function ResetPage() {
  const [token] = useState(() => linkToken(location.hash));
  const { data: config } = useConfig();
  const navigate = useNavigate();
  const done = () => {
    toast.success('The new password is set. Sign in with it.');
    void navigate({ to: '/auth/login' });
  };
  return (
    <CenteredPage
      title="Reset the password"
      heading={token === '' ? 'Forgot the password?' : 'Set a new password'}
      intro={token === '' ? 'We send you a link with which you can set a new one.' : 'All devices are signed out then.'}
    >
      {!config && <Skeleton className="h-24" />}
      {config && token === '' && <AskForResetForm siteKey={config.turnstile_site_key} />}
      {config && token !== '' && <NewPasswordForm token={token} minPassword={config.limits.password_length} onDone={done} />}
      <p className="mt-5 text-center text-sm text-muted">
        <Link to="/auth/login" className="text-accent hover:underline">
          Back to sign in
        </Link>
      </p>
    </CenteredPage>
  );
}
