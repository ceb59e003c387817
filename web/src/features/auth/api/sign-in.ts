import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { beginSession } from '../lib/session-cache';

export type Credentials = { email: string; password: string };

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Credentials) => unwrap(api.POST('/auth/login', { body })),
    onSuccess: ({ user, csrf_token }) => beginSession(client, user, csrf_token),
  });
}
