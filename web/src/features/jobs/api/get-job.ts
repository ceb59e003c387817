import { useQuery } from '@tanstack/react-query';
import type { Progress } from '@/shared/api/types';
import { useFallbackInterval } from '@/shared/realtime/use-connection';
import { jobQuery, progressQuery } from './job-queries';

export function useJob(id: string) {
  const refetchInterval = useFallbackInterval();
  return useQuery({ ...jobQuery(id), refetchInterval });
}

/** The newest figures of a running job: those of realtime, or those its detail came with. */
export function useProgress(id: string, fetched?: Progress | null): Progress | undefined {
  const { data: live } = useQuery(progressQuery(id));
  if (!live || (fetched && fetched.version > live.version)) return fetched ?? undefined;
  return live;
}
