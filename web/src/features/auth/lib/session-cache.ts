import type { QueryClient } from '@tanstack/react-query';
import { setCsrfToken } from '@/shared/api/csrf';
import type { User } from '@/shared/api/types';
import { sessionQuery } from '../api/get-session';

const everybodys = new Set<unknown>(['session', 'config']);

/** Begins with a user, or with nobody: what was read as somebody else is forgotten. */
export function beginSession(client: QueryClient, user: User | null, csrfToken: string): void {
  setCsrfToken(csrfToken);
  client.removeQueries({ predicate: (query) => !everybodys.has(query.queryKey[0]) });
  client.setQueryData(sessionQuery.queryKey, user);
}
