import { getRouteApi } from '@tanstack/react-router';
import { PolicyForm } from '@/features/auth/components/policy-form';
import { useSignOut } from '@/features/auth/api/sign-out';
import { useConfig } from '@/shared/api/get-config';
import { Button } from '@/shared/ui/button';
import { Skeleton } from '@/shared/ui/skeleton';
import { toastError } from '@/shared/ui/toast';
import { CenteredPage } from '../centered-page';

const route = getRouteApi('/auth/policy');

export function PolicyPage() {
  const { to } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: config } = useConfig();
  const signOut = useSignOut();
  const leave = () =>
    signOut.mutate(undefined, {
      onSuccess: () => void navigate({ to: '/auth/login', replace: true }),
      onError: (error) => toastError(error),
    });
  return (
    <CenteredPage title="Acceptable use" heading="Before you begin" intro="Read how this service may be used, and accept it to go on.">
      {config ? (
        <PolicyForm {...config.aup} onAccepted={() => void navigate({ href: to ?? '/dashboard', replace: true })} />
      ) : (
        <Skeleton className="h-40" />
      )}
      <Button variant="ghost" className="mt-2 w-full" busy={signOut.isPending} onClick={leave}>
        Sign out
      </Button>
    </CenteredPage>
  );
}
