import { CloudDownload, Link2, RotateCw, Upload } from 'lucide-react';
import { ApiError } from '@/shared/api/error';
import { Button } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { useJobs } from '../api/get-jobs';
import { JobCard } from './job-card';

export function JobList({ onAdd }: { onAdd: () => void }) {
  const { query, jobs } = useJobs();
  if (query.isPending) return <ListSkeleton />;
  if (!jobs) return <ListError error={query.error} onRetry={() => void query.refetch()} />;
  if (jobs.length === 0) return <EmptyList onAdd={onAdd} />;
  return (
    <>
      <ul aria-label="Downloads" className="grid grid-cols-1 gap-3">
        {jobs.map((job) => (
          <JobCard key={job.id} job={job} />
        ))}
      </ul>
      {query.hasNextPage && (
        <div className="mt-5 flex justify-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show older downloads
          </Button>
        </div>
      )}
    </>
  );
}

function ListSkeleton() {
  return (
    <div role="status" aria-label="Loading downloads" className="grid gap-3">
      {[0, 1, 2].map((row) => (
        <div key={row} className="rounded-2xl border border-line bg-surface p-5">
          <div className="flex items-center justify-between">
            <Skeleton className="h-5 w-1/2" />
            <Skeleton className="h-6 w-24 rounded-full" />
          </div>
          <Skeleton className="mt-5 h-2 w-full rounded-full" />
          <Skeleton className="mt-5 h-4 w-2/3" />
        </div>
      ))}
    </div>
  );
}

function ListError({ error, onRetry }: { error: Error | null; onRetry: () => void }) {
  return (
    <Notice
      tone="bad"
      role="alert"
      title="The downloads could not be loaded"
      action={
        <Button size="sm" onClick={onRetry}>
          <RotateCw aria-hidden className="size-3.5" />
          Try again
        </Button>
      }
    >
      {error instanceof ApiError ? error.message : 'Something went wrong in this page.'}
    </Notice>
  );
}

function EmptyList({ onAdd }: { onAdd: () => void }) {
  return (
    <div className="relative overflow-hidden rounded-3xl border border-dashed border-edge/60 bg-surface/60 px-6 py-14 text-center sm:py-20">
      <div aria-hidden className="mx-auto grid size-16 place-items-center rounded-2xl bg-linear-to-br from-accent-strong to-violet shadow-glow">
        <CloudDownload className="size-8 text-white" />
      </div>
      <h2 className="mt-6 text-xl font-semibold tracking-tight">Nothing here yet</h2>
      <p className="mx-auto mt-2 max-w-md text-balance text-sm leading-6 text-muted">
        Hand in a magnet link or a .torrent. Longshore fetches it for you, and each file can be downloaded as soon as it
        is complete.
      </p>
      <Button variant="primary" className="mt-7" onClick={onAdd}>
        Add your first download
      </Button>
      <ul className="mt-8 flex flex-col items-center justify-center gap-x-8 gap-y-2 text-[0.8125rem] text-muted sm:flex-row">
        <li className="inline-flex items-center gap-2">
          <Link2 aria-hidden className="size-4 text-accent" />
          Paste a magnet anywhere on this page
        </li>
        <li className="inline-flex items-center gap-2">
          <Upload aria-hidden className="size-4 text-accent" />
          Drop a .torrent anywhere
        </li>
      </ul>
    </div>
  );
}
