import { Button } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { useAcceptPolicy } from '../api/accept-policy';

type PolicyFormProps = { version: string; text: string; onAccepted: () => void };

export function PolicyForm({ version, text, onAccepted }: PolicyFormProps) {
  const accept = useAcceptPolicy();
  return (
    <div className="flex flex-col gap-5">
      {accept.error && (
        <Notice tone="bad" role="alert">
          {accept.error.message}
        </Notice>
      )}
      <section
        aria-label="Acceptable use"
        className="whitespace-pre-line wrap-anywhere rounded-2xl border border-line bg-raised/60 p-4 text-sm leading-6 text-soft"
      >
        {text}
      </section>
      <Button variant="primary" busy={accept.isPending} onClick={() => accept.mutate(version, { onSuccess: onAccepted })}>
        I accept
      </Button>
    </div>
  );
}
