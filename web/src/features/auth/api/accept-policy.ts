import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { configQuery } from '@/shared/api/get-config';
import { getSession, sessionQuery } from './get-session';

/** Accepts the acceptable-use policy of a version. One that is out of date is refused; then the new text is read. */
export function useAcceptPolicy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: acceptPolicy,
    onSuccess: (session) => client.setQueryData(sessionQuery.queryKey, session),
    onError: () => client.invalidateQueries({ queryKey: configQuery.queryKey }),
  });
}

async function acceptPolicy(version: string) {
  await unwrap(api.POST('/auth/accept-aup', { body: { version } }));
  return getSession();
}
