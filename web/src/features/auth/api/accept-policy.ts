import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { configQuery } from '@/shared/api/get-config';
import { sessionQuery } from './get-session';

/** Accepts the acceptable-use policy of a version. One that is out of date is refused; then the new text is read. */
export function useAcceptPolicy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (version: string) => unwrap(api.POST('/auth/accept-aup', { body: { version } })),
    onSuccess: () => client.refetchQueries({ queryKey: sessionQuery.queryKey }),
    onError: () => client.invalidateQueries({ queryKey: configQuery.queryKey }),
  });
}
