import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { Progress } from '@/shared/api/types';
import { useFallbackInterval } from '@/shared/realtime/use-connection';
import { standsStill } from '../lib/job-cache';
import { jobQuery, progressQuery } from './job-queries';

const verdictInterval = 5000;

export function useJob(id: string) {
  const client = useQueryClient();
  const fallback = useFallbackInterval();
  return useQuery({
    ...jobQuery(id),
    // No realtime topic carries verdicts: a job that stands still is asked why.
    refetchInterval: ({ state }) => (state.data && standsStill(client, state.data.job) ? verdictInterval : fallback),
  });
}

/** The newest figures of a running job: those of realtime, or those its detail came with. */
export function useProgress(id: string, fetched?: Progress | null): Progress | undefined {
  const { data: live } = useQuery(progressQuery(id));
  if (!live || (fetched && fetched.version > live.version)) return fetched ?? undefined;
  return live;
}
