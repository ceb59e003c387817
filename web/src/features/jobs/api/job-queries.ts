import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import type { JobDetail, Progress } from '@/shared/api/types';
import { type JobPages, keepNewer, newerJob } from '../lib/job-list';

export const jobsKey = ['jobs'] as const;
const perPage = 30;

export const jobListQuery = infiniteQueryOptions({
  queryKey: [...jobsKey, 'list'],
  queryFn: ({ pageParam, signal }) =>
    unwrap(api.GET('/jobs', { params: { query: pageParam ? { perPage, after: pageParam } : { perPage } }, signal })),
  initialPageParam: '',
  getNextPageParam: (page) => page.next,
  structuralSharing: (known, fetched) => keepNewer(known as JobPages | undefined, fetched as JobPages),
});

export function jobQuery(id: string) {
  return queryOptions({
    queryKey: [...jobsKey, 'detail', id],
    queryFn: ({ signal }) => unwrap(api.GET('/jobs/{id}', { params: { path: { id } }, signal })),
    structuralSharing: (known, fetched) => keepNewerDetail(known as JobDetail | undefined, fetched as JobDetail),
  });
}

function keepNewerDetail(known: JobDetail | undefined, fetched: JobDetail): JobDetail {
  return { ...fetched, job: newerJob(known?.job, fetched.job) };
}

/** The live figures of a running job: written by realtime, never fetched by itself. */
export function progressKey(id: string) {
  return [...jobsKey, 'progress', id] as const;
}

export function progressQuery(id: string) {
  return queryOptions<Progress | null>({ queryKey: progressKey(id), queryFn: () => null, enabled: false });
}
