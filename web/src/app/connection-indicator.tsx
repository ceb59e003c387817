import { useConnection } from '@/shared/realtime/use-connection';
import type { ConnectionState } from '@/shared/realtime/connection';
import { classNames } from '@/shared/ui/class-names';

const looks: Record<ConnectionState, { text: string; dot: string }> = {
  offline: { text: 'Offline', dot: 'bg-edge' },
  connecting: { text: 'Connecting…', dot: 'bg-warn' },
  online: { text: 'Live', dot: 'bg-good' },
  reconnecting: { text: 'Reconnecting…', dot: 'bg-warn animate-shimmer' },
};

/** Whether what is shown is live. */
export function ConnectionIndicator() {
  const { text, dot } = looks[useConnection()];
  return (
    <p role="status" aria-label="Connection" className="inline-flex items-center gap-2 text-xs font-medium text-muted">
      <span aria-hidden className={classNames('size-2 rounded-full', dot)} />
      {text}
    </p>
  );
}
