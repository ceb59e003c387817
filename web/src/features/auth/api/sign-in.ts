import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { setCsrfToken } from '@/shared/api/csrf';
import { beginSession } from '../lib/session-cache';
import { getSession } from './get-session';

export type Credentials = { email: string; password: string; turnstile_token?: string };

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({ mutationFn: signIn, onSuccess: (session) => beginSession(client, session) });
}

async function signIn(body: Credentials) {
  const { csrf_token } = await unwrap(api.POST('/auth/login', { body }));
  setCsrfToken(csrf_token);
  return getSession();
}
