import { expect, test } from 'vitest';
import type { Job } from '@/shared/api/types';
import { allJobs, isPlaceholder, type JobPages, keepNewer, placeholderId, putJob, removeJob } from './job-list';
import { aJob, aPage } from './testing';

const pages = (...items: Job[][]): JobPages => ({ pages: items.map((page) => aPage(page)), pageParams: [''] });
const ids = (list: JobPages) => allJobs(list).map((job) => job.id);

test('a newer revision replaces, an older one is dropped', () => {
  const list = pages([aJob({ revision: 5, status: 'uploading' })]);
  expect(allJobs(putJob(list, aJob({ revision: 4, status: 'downloading' })))[0]?.status).toBe('uploading');
  expect(allJobs(putJob(list, aJob({ revision: 6, status: 'completed' })))[0]?.status).toBe('completed');
});

test('equal revisions take the later answer: its live bytes are fresher', () => {
  const list = pages([aJob({ revision: 5, done_bytes: 1 })]);
  expect(allJobs(putJob(list, aJob({ revision: 5, done_bytes: 2 })))[0]?.done_bytes).toBe(2);
});

test('a new job goes to the top of the first page and is counted', () => {
  const list = putJob(pages([aJob({ id: 'a' })], [aJob({ id: 'b' })]), aJob({ id: 'c' }));
  expect(ids(list)).toEqual(['c', 'a', 'b']);
  expect(list.pages[0]?.totalItems).toBe(2);
});

test('a job on two pages shows once and is removed from both', () => {
  const list = pages([aJob({ id: 'a' })], [aJob({ id: 'a' }), aJob({ id: 'b' })]);
  expect(ids(list)).toEqual(['a', 'b']);
  expect(ids(removeJob(list, 'a'))).toEqual(['b']);
});

test('the real job takes the place of its placeholder', () => {
  const real = aJob({ id: 'real' });
  const placeholder = aJob({ id: placeholderId(real.infohash) });
  const list = putJob(putJob(pages([]), placeholder), real);
  expect(isPlaceholder(placeholder)).toBe(true);
  expect(ids(list)).toEqual(['real']);
  expect(list.pages[0]?.totalItems).toBe(1);
});

test('removing what is not there changes no count', () => {
  const list = pages([aJob({ id: 'a' })]);
  expect(removeJob(list, 'zzz').pages[0]?.totalItems).toBe(1);
});

test('a total that was not counted stays so', () => {
  const list: JobPages = { pages: [aPage([], { totalItems: -1 })], pageParams: [''] };
  expect(putJob(list, aJob()).pages[0]?.totalItems).toBe(-1);
});

test('a fetched list does not undo what realtime told in the meantime', () => {
  const known = pages([aJob({ id: 'a', revision: 9, status: 'completed' })]);
  const fetched = pages([aJob({ id: 'a', revision: 8 }), aJob({ id: 'b' })]);
  const merged = keepNewer(known, fetched);
  expect(allJobs(merged).map((job) => job.status)).toEqual(['completed', 'downloading']);
});
