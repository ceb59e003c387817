import { useInfiniteQuery } from '@tanstack/react-query';
import { useFallbackInterval } from '@/shared/realtime/use-connection';
import { allJobs } from '../lib/job-list';
import { jobListQuery } from './job-queries';

/** My jobs, newest first, as far as they were asked for. */
export function useJobs() {
  return useInfiniteQuery({ ...jobListQuery, select: allJobs, refetchInterval: useFallbackInterval() });
}
