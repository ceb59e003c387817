import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { uncacheJob } from '../lib/job-cache';

/** Removes a job and its files for good. */
export function useDeleteJob() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/jobs/{id}', { params: { path: { id } } })),
    onSuccess: (_none, id) => uncacheJob(client, id),
  });
}
