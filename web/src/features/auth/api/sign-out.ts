import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { setCsrfToken } from '@/shared/api/csrf';
import { ApiError } from '@/shared/api/error';
import { sessionQuery } from './get-session';

/** Signs out and forgets everything that was read as this user. */
export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      setCsrfToken('');
      client.clear();
      client.setQueryData(sessionQuery.queryKey, null);
    },
  });
}

async function signOut(): Promise<void> {
  try {
    await unwrap(api.POST('/auth/logout'));
  } catch (error) {
    const alreadyOut = error instanceof ApiError && error.status === 401;
    if (!alreadyOut) throw error;
  }
}
