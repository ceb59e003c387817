import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { setCsrfToken } from '@/shared/api/csrf';
import { sessionQuery } from './get-session';

export type Credentials = { email: string; password: string };

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Credentials) => unwrap(api.POST('/auth/login', { body })),
    onSuccess: ({ user, csrf_token }) => {
      setCsrfToken(csrf_token);
      client.setQueryData(sessionQuery.queryKey, user);
    },
  });
}
