import { useInfiniteQuery } from '@tanstack/react-query';
import { useFallbackInterval } from '@/shared/realtime/use-connection';
import { treeQuery } from './file-queries';

export function useTree(jobId: string, parent?: string) {
  return useInfiniteQuery({
    ...treeQuery(jobId, parent),
    select: (data) => data.pages.flatMap((page) => page.items),
    refetchInterval: useFallbackInterval(),
  });
}
