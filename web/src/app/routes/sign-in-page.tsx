import { getRouteApi } from '@tanstack/react-router';
import { SignInForm } from '@/features/auth/components/sign-in-form';
import { useConfig } from '@/shared/api/get-config';
import { Notice } from '@/shared/ui/notice';
import { CenteredPage } from '../centered-page';

const route = getRouteApi('/auth/login');

export function SignInPage() {
  const { to } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: config } = useConfig();
  return (
    <CenteredPage title="Sign in" heading="Welcome back" intro="Sign in to see your downloads.">
      {config?.setup_pending && (
        <div className="mb-5">
          <Notice title="This Longshore is not set up yet">
            Open the one-time link that <code className="text-ink">longshore serve</code> printed when it started.
          </Notice>
        </div>
      )}
      <SignInForm onSignedIn={() => void navigate({ href: to ?? '/dashboard', replace: true })} />
    </CenteredPage>
  );
}
