import { getRouteApi, Link } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { FileBrowser } from '@/features/files/components/file-browser';
import { useJob } from '@/features/jobs/api/get-job';
import { JobDetail } from '@/features/jobs/components/job-detail';
import { JobDetailSkeleton } from '@/features/jobs/components/job-detail-skeleton';
import { isTerminal } from '@/features/jobs/lib/job-view';
import { ApiError } from '@/shared/api/error';
import { Notice } from '@/shared/ui/notice';
import { PageTitle } from '@/shared/ui/page-title';

const route = getRouteApi('/signed-in/dashboard/$jobId');

export function JobPage() {
  const { jobId } = route.useParams();
  const navigate = route.useNavigate();
  const job = useJob(jobId);
  return (
    <>
      <PageTitle>{job.data?.job.name || 'Download'}</PageTitle>
      <Link
        to="/dashboard"
        className="mb-4 inline-flex h-9 items-center gap-2 rounded-lg text-sm font-medium text-muted transition hover:text-ink"
      >
        <ArrowLeft aria-hidden className="size-4" />
        All downloads
      </Link>
      {job.isPending ? (
        <JobDetailSkeleton />
      ) : isGone(job.error) || !job.data ? (
        <Missing error={job.error} />
      ) : (
        <JobDetail detail={job.data} onDeleted={() => void navigate({ to: '/dashboard' })}>
          <FileBrowser jobId={jobId} waiting={!isTerminal(job.data.job.status)} />
        </JobDetail>
      )}
    </>
  );
}

function Missing({ error }: { error: Error | null }) {
  if (isGone(error)) {
    return <Notice title="There is no such download">It may have been deleted, or the link is not complete.</Notice>;
  }
  return (
    <Notice tone="bad" role="alert" title="The download could not be loaded">
      {error instanceof ApiError ? error.message : 'Reload the page.'}
    </Notice>
  );
}

function isGone(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 404;
}
