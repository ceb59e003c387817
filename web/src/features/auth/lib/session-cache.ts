import type { QueryClient } from '@tanstack/react-query';
import { setCsrfToken } from '@/shared/api/csrf';
import type { Session } from '@/shared/api/types';
import { sessionQuery } from '../api/get-session';

const everybodys = new Set<unknown>(['session', 'config']);

/** Begins with a session, or with nobody: what was read as somebody else is forgotten. */
export function beginSession(client: QueryClient, session: Session | null): void {
  setCsrfToken(session?.csrf_token ?? '');
  client.removeQueries({ predicate: (query) => !everybodys.has(query.queryKey[0]) });
  client.setQueryData(sessionQuery.queryKey, session);
}
