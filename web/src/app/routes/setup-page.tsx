import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useSignIn } from '@/features/auth/api/sign-in';
import { SetupForm } from '@/features/setup/components/setup-form';
import { useConfig } from '@/shared/api/get-config';
import { linkToken } from '@/shared/browser/link-token';
import { buttonClass } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { CenteredPage } from '../centered-page';

const defaultMinPassword = 12;

export function SetupPage() {
  const [token] = useState(() => linkToken(location.hash));
  const [finished, setFinished] = useState(false);
  const { data: config, isPending } = useConfig();
  const signIn = useSignIn();
  const navigate = useNavigate();

  const enter = async (email: string, password: string) => {
    setFinished(true);
    const signedIn = await signIn.mutateAsync({ email, password }).then(
      () => true,
      () => false,
    );
    await navigate({ to: signedIn ? '/dashboard' : '/auth/login', replace: true });
  };

  if (isPending) return <Waiting />;
  if (config && !config.setup_pending && !finished) return <UsedUp />;
  if (token === '') return <NoToken />;
  return (
    <CenteredPage
      title="Set up"
      heading="Set up Longshore"
      intro="Create the first admin account. It also opens the database dashboard of this server."
    >
      <SetupForm token={token} minPassword={config?.limits.password_length ?? defaultMinPassword} onDone={enter} />
    </CenteredPage>
  );
}

function Waiting() {
  return (
    <CenteredPage title="Set up" heading="Set up Longshore">
      <div role="status" aria-label="Loading" className="grid gap-4">
        <Skeleton className="h-11" />
        <Skeleton className="h-11" />
      </div>
    </CenteredPage>
  );
}

function UsedUp() {
  return (
    <CenteredPage title="Set up" heading="This link has been used">
      <Notice tone="info">Longshore is set up: it has an admin already, and the set-up link works only once.</Notice>
      <Link to="/auth/login" className={buttonClass('primary', 'md', 'mt-5 w-full')}>
        Go to sign in
      </Link>
    </CenteredPage>
  );
}

function NoToken() {
  return (
    <CenteredPage title="Set up" heading="The link is not complete">
      <Notice tone="warn">
        Open the whole one-time link that <code className="text-ink">longshore serve</code> printed when it started. It
        ends with <code className="text-ink">#token=…</code>
      </Notice>
    </CenteredPage>
  );
}
