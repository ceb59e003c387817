// @vitest-environment jsdom
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, test } from 'vitest';
import { csrfToken } from '@/shared/api/csrf';
import type { Session } from '@/shared/api/types';
import { sessionQuery } from '../api/get-session';
import { beginSession } from './session-cache';

const anns: Session = {
  user: {
    id: 'user00000000001',
    email: 'ann@example.com',
    role: 'user',
    plan: 'free',
    email_verified: true,
    disabled: false,
    created_at: '2026-11-24T10:00:00Z',
  },
  csrf_token: 'token',
  aup_accepted: true,
};

test('whoever watches the session learns that it has ended, and nothing of the user stays', () => {
  const client = new QueryClient();
  beginSession(client, anns);
  client.setQueryData(['jobs', 'list'], 'of Ann');
  const seen: unknown[] = [];
  const stop = new QueryObserver(client, { ...sessionQuery, enabled: false }).subscribe(({ data }) => seen.push(data));

  beginSession(client, null);

  expect(seen.at(-1)).toBeNull();
  expect(client.getQueryData(['jobs', 'list'])).toBeUndefined();
  expect(csrfToken()).toBe('');
  stop();
});
