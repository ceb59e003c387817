import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { ApiError } from '@/shared/api/error';
import { beginSession } from '../lib/session-cache';

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({ mutationFn: signOut, onSuccess: () => beginSession(client, null) });
}

async function signOut(): Promise<void> {
  try {
    await unwrap(api.POST('/auth/logout'));
  } catch (error) {
    const alreadyOut = error instanceof ApiError && error.status === 401;
    if (!alreadyOut) throw error;
  }
}
