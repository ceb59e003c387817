import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { configQuery } from '@/shared/api/get-config';

export type FirstAdmin = { token: string; email: string; password: string };

/** Makes the first admin. The token is of no use afterwards. */
export function useSetUp() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: FirstAdmin) => unwrap(api.POST('/setup', { body })),
    onSettled: () => client.invalidateQueries({ queryKey: configQuery.queryKey }),
  });
}
