import { infiniteQueryOptions } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';

export const filesKey = ['files'] as const;

export function jobFilesKey(jobId: string) {
  return [...filesKey, jobId] as const;
}

/** One level of a job's tree, or all of it when it is small. `parent` is a folder's path; undefined is the top. */
export function treeQuery(jobId: string, parent?: string) {
  return infiniteQueryOptions({
    queryKey: [...jobFilesKey(jobId), parent ?? null],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/jobs/{id}/files', {
          params: { path: { id: jobId }, query: { ...(parent !== undefined && { parent }), ...(pageParam && { after: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  });
}
