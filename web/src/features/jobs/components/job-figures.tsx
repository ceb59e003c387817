import { ArrowDown, ArrowUp, HardDrive, type LucideIcon, Timer, Users } from 'lucide-react';
import { formatBytes, formatRate } from '@/shared/format/bytes';
import { formatEta } from '@/shared/format/duration';
import type { JobView } from '../lib/job-view';

/** How far a job is, how fast, and from how many peers: one line that wraps. */
export function JobFigures({ view }: { view: JobView }) {
  return (
    <dl className="flex flex-wrap items-center gap-x-4 gap-y-1.5 text-[0.8125rem] tabular-nums text-muted">
      <Figure icon={HardDrive} name="Done" value={bytesText(view)} />
      {view.running && (
        <>
          {view.downloading && (
            <Figure icon={ArrowDown} name="Download speed" value={formatRate(view.downloadRate)} bright={view.downloadRate > 0} />
          )}
          {view.uploadRate > 0 && <Figure icon={ArrowUp} name="Upload speed" value={formatRate(view.uploadRate)} />}
          <Figure icon={Users} name="Peers" value={peersText(view)} />
          {view.etaSeconds >= 0 && <Figure icon={Timer} name="Time left" value={`${formatEta(view.etaSeconds)} left`} />}
        </>
      )}
    </dl>
  );
}

type FigureProps = { icon: LucideIcon; name: string; value: string; bright?: boolean };

function Figure({ icon: Icon, name, value, bright = false }: FigureProps) {
  return (
    <div className="inline-flex items-center gap-1.5" title={name}>
      <Icon aria-hidden className="size-3.5 text-edge" />
      <dt className="sr-only">{name}</dt>
      <dd className={bright ? 'font-medium text-ink' : undefined}>{value}</dd>
    </div>
  );
}

function bytesText({ doneBytes, sizeBytes, storedBytes, terminal, uploading, percent }: JobView): string {
  if (sizeBytes === 0) return terminal ? formatBytes(0) : 'Size not known yet';
  if (uploading) return `${formatBytes(storedBytes)} of ${formatBytes(sizeBytes)} stored`;
  if (percent === 100) return formatBytes(sizeBytes);
  return `${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}`;
}

function peersText({ peers }: JobView): string {
  return peers === 1 ? '1 peer' : `${peers} peers`;
}
