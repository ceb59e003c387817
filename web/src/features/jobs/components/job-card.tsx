import { Link } from '@tanstack/react-router';
import type { Job } from '@/shared/api/types';
import { classNames } from '@/shared/ui/class-names';
import { useProgress } from '../api/get-job';
import { isPlaceholder } from '../lib/job-list';
import { viewJob } from '../lib/job-view';
import { JobActions } from './job-actions';
import { JobFigures } from './job-figures';
import { JobProgress } from './job-progress';
import { ProgressAnnouncer } from './progress-announcer';
import { StatusBadge } from './status-badge';

export function JobCard({ job }: { job: Job }) {
  const view = viewJob(job, useProgress(job.id));
  const placeholder = isPlaceholder(job);
  return (
    <li
      aria-busy={placeholder || undefined}
      className={classNames(
        'group relative rounded-2xl border border-line bg-surface p-4 shadow-card transition hover:border-edge/70 sm:p-5',
        placeholder && 'opacity-70',
      )}
    >
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-[0.9375rem] font-semibold leading-6 tracking-tight" title={view.title}>
            {placeholder ? (
              view.title
            ) : (
              <Link
                to="/dashboard/$jobId"
                params={{ jobId: job.id }}
                className="rounded-sm after:absolute after:inset-0 after:rounded-2xl"
              >
                {view.title}
              </Link>
            )}
          </h2>
        </div>
        <StatusBadge status={job.status} label={placeholder ? 'Adding…' : view.label} />
      </div>
      <div className="mt-3">
        <JobProgress view={view} />
      </div>
      <div className="-mb-1.5 mt-2 flex min-h-10 items-center justify-between gap-3">
        {job.status === 'failed' && job.error ? (
          <p className="line-clamp-2 text-[0.8125rem] text-bad">{job.error}</p>
        ) : (
          <JobFigures view={view} />
        )}
        {!placeholder && (
          <div className="relative z-10 -mr-2 self-end">
            <JobActions job={job} title={view.title} />
          </div>
        )}
      </div>
      <ProgressAnnouncer view={view} />
    </li>
  );
}
