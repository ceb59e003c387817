import { getRouteApi, Link } from '@tanstack/react-router';
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
      <SignInForm siteKey={config?.turnstile_site_key ?? ''} onSignedIn={() => void navigate({ href: to ?? '/dashboard', replace: true })} />
      <p className="mt-5 flex justify-between text-sm">
        <Link to="/auth/reset" className="text-accent hover:underline">
          Forgot the password?
        </Link>
        {config && config.registration !== 'closed' && (
          <Link to="/auth/register" className="text-accent hover:underline">
            Create an account
          </Link>
        )}
      </p>
    </CenteredPage>
  );
}
