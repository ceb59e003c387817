import { ApiError } from '@/shared/api/error';
import { Button } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { CenteredPage } from './centered-page';

export function PageError({ error }: { error: unknown }) {
  const message = error instanceof ApiError ? error.message : 'This page broke. Reloading it usually helps.';
  return (
    <CenteredPage title="Something went wrong" heading="Something went wrong">
      <Notice tone="bad" role="alert">
        {message}
      </Notice>
      <Button variant="primary" className="mt-5 w-full" onClick={() => location.reload()}>
        Reload
      </Button>
    </CenteredPage>
  );
}
