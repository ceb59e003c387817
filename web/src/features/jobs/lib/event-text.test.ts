import { expect, test } from 'vitest';
import type { JobEvent } from '@/shared/api/types';
import { eventText } from './event-text';

const event = (event_type: JobEvent['event_type'], payload: object | null): JobEvent => ({
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
  ['desired', { desired: 'pause' }, 'Asked to pause'],
  ['file_completed', { files: [4] }, 'A file is ready'],
  ['file_completed', { files: [0, 1, 2] }, '3 files are ready'],
  ['file_completed', null, 'A file is ready'],
  ['uploads_given_up', { uploads: 2, bytes: 1 }, 'Paused for days: unfinished uploads were dropped'],
  ['retry', {}, 'Trying again'],
] as const)('%s %j reads %s', (type, payload, text) => {
  expect(eventText(event(type, payload))).toBe(text);
});
