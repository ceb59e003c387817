import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { setCsrfToken } from '@/shared/api/csrf';
import { ApiError } from '@/shared/api/error';
import type { User } from '@/shared/api/types';

/** The signed-in user; null when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: getSession,
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
});

async function getSession(): Promise<User | null> {
  try {
    const session = await unwrap(api.GET('/auth/session'));
    setCsrfToken(session.csrf_token);
    return session.user;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export function useSession() {
  return useQuery(sessionQuery);
}
