import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { setCsrfToken } from '@/shared/api/csrf';
import { ApiError } from '@/shared/api/error';
import type { Session } from '@/shared/api/types';

/** The session of this browser; null when nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: getSession,
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

export async function getSession(): Promise<Session | null> {
  try {
    const session = await unwrap(api.GET('/auth/session'));
    setCsrfToken(session.csrf_token);
    return session;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** The signed-in user; null when nobody is. */
export function useSession() {
  return useQuery({ ...sessionQuery, select: (session) => session?.user ?? null });
}

/** Whether the acceptable-use policy that holds now is still to be accepted. */
export function usePolicyPends(): boolean {
  return useQuery({ ...sessionQuery, select: (session) => session !== null && !session.aup_accepted }).data ?? false;
}
