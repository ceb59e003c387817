import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { cacheJob } from '../lib/job-cache';

export function usePauseJob() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.POST('/jobs/{id}/pause', { params: { path: { id } } })),
    onSuccess: (job) => cacheJob(client, job),
  });
}
