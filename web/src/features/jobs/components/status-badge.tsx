import {
  ArrowDownToLine,
  CircleCheck,
  CircleSlash,
  CircleX,
  CloudUpload,
  Clock,
  ListChecks,
  type LucideIcon,
  Pause,
  Radar,
} from 'lucide-react';
import type { JobStatus } from '@/shared/api/types';
import { classNames } from '@/shared/ui/class-names';

const looks: Record<JobStatus, { icon: LucideIcon; className: string }> = {
  queued: { icon: Clock, className: 'border-edge/50 bg-edge/15 text-soft' },
  fetching_metadata: { icon: Radar, className: 'border-info/30 bg-info/10 text-info' },
  awaiting_selection: { icon: ListChecks, className: 'border-warn/30 bg-warn/10 text-warn' },
  downloading: { icon: ArrowDownToLine, className: 'border-accent/35 bg-accent/12 text-accent' },
  uploading: { icon: CloudUpload, className: 'border-lilac/30 bg-lilac/10 text-lilac' },
  paused: { icon: Pause, className: 'border-warn/30 bg-warn/10 text-warn' },
  completed: { icon: CircleCheck, className: 'border-good/30 bg-good/10 text-good' },
  failed: { icon: CircleX, className: 'border-bad/35 bg-bad/10 text-bad' },
  cancelled: { icon: CircleSlash, className: 'border-edge/50 bg-edge/15 text-muted' },
};

export function StatusBadge({ status, label }: { status: JobStatus; label: string }) {
  const { icon: Icon, className } = looks[status];
  return (
    <span
      className={classNames(
        'inline-flex h-6 shrink-0 items-center gap-1.5 whitespace-nowrap rounded-full border px-2.5 text-xs font-medium',
        className,
      )}
    >
      <Icon aria-hidden className="size-3.5" />
      {label}
    </span>
  );
}
