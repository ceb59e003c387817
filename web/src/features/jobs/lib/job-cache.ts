import type { QueryClient } from '@tanstack/react-query';
import type { Job, JobDetail, JobMessage, Progress, VerdictMessage } from '@/shared/api/types';
import { jobListQuery, jobQuery, jobsKey, progressKey } from '../api/job-queries';
import { newerJob, putJob, removeJob } from './job-list';

/** Takes an answer or message about a job into every place of the cache that shows it. */
export function cacheJob(client: QueryClient, job: Job): void {
  client.setQueryData(jobListQuery.queryKey, (pages) => pages && putJob(pages, job));
  client.setQueryData(jobQuery(job.id).queryKey, (detail) => detail && { ...detail, job: newerJob(detail.job, job) });
}

export function uncacheJob(client: QueryClient, id: string): void {
  client.setQueryData(jobListQuery.queryKey, (pages) => pages && removeJob(pages, id));
  client.removeQueries({ queryKey: jobQuery(id).queryKey, exact: true, type: 'inactive' });
  client.removeQueries({ queryKey: progressKey(id) });
}

/** Takes a message of the topic `jobs/*` in. Answers the job when it has just been completed. */
export function takeJobMessage(client: QueryClient, message: JobMessage): Job | undefined {
  const job = message.record;
  if (message.action === 'resync' || !job) {
    refetchJobs(client);
    return undefined;
  }
  const before = knownJob(client, job.id);
  if (message.action === 'delete') uncacheJob(client, job.id);
  else cacheJob(client, job);
  void client.invalidateQueries({ queryKey: jobQuery(job.id).queryKey });
  if (message.action !== 'update') refetchListUnderWay(client);
  return job.status === 'completed' && before && before.status !== 'completed' ? job : undefined;
}

/** Takes a message of the topic `progress` in; an older version than the known one changes nothing. */
export function takeProgress(client: QueryClient, next: Progress): void {
  const known = client.getQueryData<Progress | null>(progressKey(next.job_id));
  if (known && known.version > next.version) return;
  client.setQueryData(progressKey(next.job_id), next);
}

/** Takes a message of the topic `verdicts` in: the detail that shows it is read again. */
export function takeVerdict(client: QueryClient, message: VerdictMessage | JobMessage): void {
  if ('action' in message) refetchJobs(client);
  else void client.invalidateQueries({ queryKey: jobQuery(message.job_id).queryKey });
}

/** Reads again what may have been missed. */
export function refetchJobs(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: jobsKey, predicate: (query) => query.queryKey[1] !== 'progress' });
}

function knownJob(client: QueryClient, id: string): Job | undefined {
  const pages = client.getQueryData(jobListQuery.queryKey);
  const listed = pages?.pages.flatMap((page) => page.items).find((job) => job.id === id);
  return listed ?? client.getQueryData<JobDetail>(jobQuery(id).queryKey)?.job;
}

/** A list that is being fetched may have been read before a job came or went: it is read once more. */
function refetchListUnderWay(client: QueryClient): void {
  if (client.isFetching({ queryKey: jobListQuery.queryKey }) > 0) {
    void client.invalidateQueries({ queryKey: jobListQuery.queryKey });
  }
}
