import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { toast } from 'sonner';
import { RegisterForm } from '@/features/auth/components/register-form';
import { useConfig } from '@/shared/api/get-config';
import { linkToken } from '@/shared/browser/link-token';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { CenteredPage } from '../centered-page';

export function RegisterPage() {
  const [invite] = useState(() => linkToken(location.hash));
  const { data: config } = useConfig();
  const navigate = useNavigate();
  const done = (email: string) => {
    toast.success(`The account ${email} is made. Sign in to go on.`);
    void navigate({ to: '/auth/login' });
  };
  return (
    <CenteredPage title="Create an account" heading="Create an account" intro="For your own downloads and files.">
      {!config && <Skeleton className="h-40" />}
      {config?.registration === 'closed' && <Notice tone="info">This Longshore takes no new accounts. Ask its operator.</Notice>}
      {config && config.registration !== 'closed' && <RegisterForm config={config} invite={invite} onDone={done} />}
      <p className="mt-5 text-center text-sm text-muted">
        <Link to="/auth/login" className="text-accent hover:underline">
          I have an account
        </Link>
      </p>
    </CenteredPage>
  );
}
