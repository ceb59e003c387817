import { useJobs } from '../api/get-jobs';
import { isRunning } from '../lib/job-view';

/** How many of the listed downloads run, for under the page's heading. */
export function JobSummary() {
  const { jobs } = useJobs();
  if (!jobs || jobs.length === 0) return 'Files can be fetched as soon as they are complete.';
  const running = jobs.filter((job) => isRunning(job.status)).length;
  const ready = jobs.filter((job) => job.status === 'completed').length;
  return [`${running} running`, `${ready} ready`].join(' · ');
}
