import { Copy } from 'lucide-react';
import type { Job } from '@/shared/api/types';
import { copyText } from '@/shared/browser/copy-text';
import { formatBytes } from '@/shared/format/bytes';
import { formatTime, parseTime } from '@/shared/format/when';
import { IconButton } from '@/shared/ui/button';
import { Card } from '@/shared/ui/card';
import { toastDone, toastError } from '@/shared/ui/toast';
import type { JobView } from '../lib/job-view';

export function JobFacts({ job, view }: { job: Job; view: JobView }) {
  return (
    <Card aria-label="Details" className="p-5">
      <h2 className="text-sm font-semibold">Details</h2>
      <dl className="mt-3 grid gap-2.5 text-[0.8125rem]">
        <Fact name="In storage" value={formatBytes(view.storedBytes)} />
        <Fact name="Added" value={timeText(job.created_at)} />
        {job.completed_at && <Fact name="Completed" value={timeText(job.completed_at)} />}
        {job.attempt > 1 && <Fact name="Attempt" value={String(job.attempt)} />}
        {job.label && <Fact name="Label" value={job.label} />}
        <div>
          <dt className="flex items-center justify-between text-muted">
            Infohash
            <CopyButton label="Copy infohash" text={job.infohash} />
          </dt>
          <dd className="break-all font-mono text-xs leading-5 text-soft">{job.infohash}</dd>
        </div>
      </dl>
    </Card>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 wrap-anywhere text-right tabular-nums text-soft">{value}</dd>
    </div>
  );
}

function CopyButton({ label, text }: { label: string; text: string }) {
  return (
    <IconButton
      label={label}
      className="-my-2 -mr-2 size-9"
      onClick={() => void copyText(text).then(() => toastDone('Copied'), toastError)}
    >
      <Copy aria-hidden />
    </IconButton>
  );
}

function timeText(text: string): string {
  const date = parseTime(text);
  return date ? formatTime(date) : '–';
}
