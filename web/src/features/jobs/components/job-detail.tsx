import type { ReactNode } from 'react';
import type { JobDetail as Detail } from '@/shared/api/types';
import { Card } from '@/shared/ui/card';
import { Notice } from '@/shared/ui/notice';
import { useProgress } from '../api/get-job';
import { viewJob } from '../lib/job-view';
import { EventTimeline } from './event-timeline';
import { JobActions } from './job-actions';
import { JobFacts } from './job-facts';
import { JobFigures } from './job-figures';
import { JobProgress } from './job-progress';
import { ProgressAnnouncer } from './progress-announcer';
import { StatusBadge } from './status-badge';

type JobDetailProps = { detail: Detail; onDeleted: () => void; children: ReactNode };

/** A job's page; the children are its files. */
export function JobDetail({ detail, onDeleted, children }: JobDetailProps) {
  const { job, verdict } = detail;
  const view = viewJob(job, useProgress(job.id, detail.progress));
  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] lg:gap-5">
      <Card aria-label="Progress" className="p-5 lg:col-span-2 sm:p-6">
        <div className="flex flex-col-reverse gap-x-4 gap-y-2 sm:flex-row sm:items-start sm:justify-between">
          <h1 className="min-w-0 wrap-anywhere text-xl font-semibold leading-7 tracking-tight sm:text-2xl sm:leading-8">
            {view.title}
          </h1>
          <div className="-mr-2 flex items-center justify-between gap-2 sm:justify-end">
            <StatusBadge status={job.status} label={view.label} />
            <JobActions job={job} title={view.title} onDeleted={onDeleted} />
          </div>
        </div>
        <div className="mb-3 mt-5">
          <JobProgress view={view} large />
        </div>
        <JobFigures view={view} />
        <ProgressAnnouncer view={view} />
        {verdict && !view.terminal && (
          <div className="mt-5">
            <Notice tone="warn" title="Why it stands still">
              {verdict.message} <Code>{verdict.code}</Code>
            </Notice>
          </div>
        )}
        {job.error && (
          <div className="mt-5">
            <Notice tone="bad" title={job.status === 'failed' ? 'This download failed' : 'Last error'}>
              {job.error} {job.error_code && <Code>{job.error_code}</Code>}
            </Notice>
          </div>
        )}
      </Card>
      <div className="min-w-0">{children}</div>
      <div className="grid grid-cols-1 content-start gap-4 lg:gap-5">
        <JobFacts job={job} view={view} />
        <EventTimeline events={detail.events} />
      </div>
    </div>
  );
}

function Code({ children }: { children: string }) {
  return <code className="rounded-md bg-black/30 px-1.5 py-0.5 text-xs text-muted">{children}</code>;
}
