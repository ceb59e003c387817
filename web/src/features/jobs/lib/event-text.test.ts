import { expect, test } from 'vitest';
import type { JobEvent } from '@/shared/api/types';
import { eventText } from './event-text';

const event = (event_type: JobEvent['event_type'], payload: Record<string, unknown> | null): JobEvent => ({
  id: 'event0000000001',
  job_id: 'job000000000001',
  seq: 1,
  event_type,
  payload: payload as JobEvent['payload'],
  created_at: '2026-11-24 10:00:00.000Z',
});

test.each([
  ['created', null, 'Added'],
  ['status', { from: 'queued', to: 'downloading' }, 'Downloading'],
  ['status', { to: 'unheard_of' }, 'Became unheard_of'],
  ['desired', { from: 'run', to: 'pause' }, 'Pause requested'],
  ['file_completed', { path: 'a/b.txt' }, 'File ready: a/b.txt'],
  ['file_completed', null, 'A file is ready'],
  ['retry', {}, 'Trying again'],
] as const)('%s %j reads %s', (type, payload, text) => {
  expect(eventText(event(type, payload))).toBe(text);
});
