import { Link } from '@tanstack/react-router';
import { buttonClass } from '@/shared/ui/button';
import { CenteredPage } from '../centered-page';

export function NotFoundPage() {
  return (
    <CenteredPage title="Not found" heading="There is nothing here" intro="The address may be misspelt, or the page is gone.">
      <Link to="/dashboard" className={buttonClass('primary', 'md', 'w-full')}>
        Go to the downloads
      </Link>
    </CenteredPage>
  );
}
