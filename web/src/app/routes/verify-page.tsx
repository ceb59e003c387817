import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useVerifyEmail } from '@/features/auth/api/verify-email';
import { linkToken } from '@/shared/browser/link-token';
import { Button, buttonClass } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { CenteredPage } from '../centered-page';

/** Where the links of mails lead that prove an address. */
export function VerifyPage() {
  const [token] = useState(() => linkToken(location.hash));
  const verify = useVerifyEmail();
  return (
    <CenteredPage title="Confirm the address" heading="Confirm your e-mail address">
      {token === '' && <Notice tone="warn">The link is not complete. Open the whole link of the mail.</Notice>}
      {verify.error && (
        <Notice tone="bad" role="alert">
          {verify.error.message}
        </Notice>
      )}
      {verify.isSuccess && (
        <Notice tone="info" role="status">
          Your address is confirmed.
        </Notice>
      )}
      {token !== '' && !verify.isSuccess && (
        <Button variant="primary" className="mt-3 w-full" busy={verify.isPending} onClick={() => verify.mutate(token)}>
          Confirm
        </Button>
      )}
      {(token === '' || verify.isSuccess) && (
        <Link to="/dashboard" className={buttonClass('secondary', 'md', 'mt-5 w-full')}>
          Go to the downloads
        </Link>
      )}
    </CenteredPage>
  );
}
