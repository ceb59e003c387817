import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import type { Job } from '@/shared/api/types';
import { placeholderId, putJob, removeJob } from '../lib/job-list';
import { cacheJob } from '../lib/job-cache';
import { jobListQuery } from './job-queries';

/** What a person hands in. `key` makes sending the same twice one job. */
export type Submission = { key: string; title: string } & (
  | { magnet: string; infohash: string; torrent?: undefined }
  | { torrent: File; magnet?: undefined }
);

/** Submits a magnet or a .torrent. Its card stands on the page before the server has answered. */
export function useCreateJob() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: createJob,
    onMutate: (submission) => putPlaceholder(client, submission),
    onSuccess: (job, _submission, placeholder) => {
      takeAway(client, placeholder);
      cacheJob(client, job);
    },
    onError: (_error, _submission, placeholder) => takeAway(client, placeholder),
  });
}

function createJob(submission: Submission): Promise<Job> {
  const params = { header: { 'Idempotency-Key': submission.key } };
  if (submission.magnet !== undefined) return unwrap(api.POST('/jobs', { params, body: { magnet: submission.magnet } }));
  const form = new FormData();
  form.set('torrent', submission.torrent);
  return unwrap(api.POST('/jobs', { params, body: {}, bodySerializer: () => form }));
}

async function putPlaceholder(client: QueryClient, submission: Submission): Promise<string> {
  await client.cancelQueries({ queryKey: jobListQuery.queryKey });
  const job = placeholder(submission);
  client.setQueryData(jobListQuery.queryKey, (pages) => pages && putJob(pages, job));
  return job.id;
}

function takeAway(client: QueryClient, id: string | undefined): void {
  if (id) client.setQueryData(jobListQuery.queryKey, (pages) => pages && removeJob(pages, id));
}

function placeholder(submission: Submission): Job {
  const infohash = submission.magnet === undefined ? '' : submission.infohash;
  const now = new Date().toISOString();
  return {
    id: placeholderId(infohash || submission.key),
    user_id: '',
    infohash,
    name: submission.title,
    status: 'queued',
    desired: 'run',
    magnet_uri: submission.magnet ?? '',
    engine: '',
    agent_id: '',
    attempt: 0,
    size_bytes: 0,
    done_bytes: 0,
    stored_bytes: 0,
    error: '',
    error_code: '',
    label: '',
    revision: 0,
    created_at: now,
    updated_at: now,
    completed_at: null,
    expires_at: null,
  };
}
