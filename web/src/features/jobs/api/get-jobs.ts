import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useFallbackInterval } from '@/shared/realtime/use-connection';
import { allJobs } from '../lib/job-list';
import { jobListQuery } from './job-queries';

/** My jobs, newest first, as far as they were asked for. */
export function useJobs() {
  const query = useInfiniteQuery({ ...jobListQuery, refetchInterval: useFallbackInterval() });
  // Not by `select`: its result would pass through the query's structuralSharing too.
  const jobs = useMemo(() => query.data && allJobs(query.data), [query.data]);
  return { query, jobs };
}
