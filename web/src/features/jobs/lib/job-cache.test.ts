// @vitest-environment jsdom
import { InfiniteQueryObserver, QueryClient } from '@tanstack/react-query';
import { beforeEach, expect, test } from 'vitest';
import type { JobDetail, Progress } from '@/shared/api/types';
import { jobListQuery, jobQuery, progressKey } from '../api/job-queries';
import { takeJobMessage, takeProgress, takeVerdict } from './job-cache';
import { allJobs } from './job-list';
import { aJob, aPage, aProgress } from './testing';

let client: QueryClient;
const id = aJob().id;

const listed = () => allJobs(client.getQueryData(jobListQuery.queryKey) ?? { pages: [], pageParams: [] });
const figures = () => client.getQueryData<Progress>(progressKey(id));
const isStale = () => client.getQueryState(jobQuery(id).queryKey)?.isInvalidated;

beforeEach(() => {
  const detail: JobDetail = {
    job: aJob({ revision: 3 }),
    progress: null,
    verdict: null,
    file_counts: { total: 1, complete: 0, selected: 1 },
    events: [],
  };
  client = new QueryClient();
  client.setQueryData(jobListQuery.queryKey, { pages: [aPage([aJob({ revision: 3 })])], pageParams: [''] });
  client.setQueryData(jobQuery(id).queryKey, detail);
});

test('an update reaches list and detail, and the detail is read again', () => {
  takeJobMessage(client, { action: 'update', record: aJob({ revision: 4, status: 'paused' }) });
  expect(listed()[0]?.status).toBe('paused');
  expect(client.getQueryData(jobQuery(id).queryKey)?.job.status).toBe('paused');
  expect(isStale()).toBe(true);
});

test('a message that was overtaken changes neither', () => {
  takeJobMessage(client, { action: 'update', record: aJob({ revision: 2, status: 'queued' }) });
  expect(listed()[0]?.status).toBe('downloading');
  expect(client.getQueryData(jobQuery(id).queryKey)?.job.status).toBe('downloading');
});

test('completion is told once', () => {
  const message = { action: 'update', record: aJob({ revision: 4, status: 'completed' }) } as const;
  expect(takeJobMessage(client, message)?.id).toBe(id);
  expect(takeJobMessage(client, message)).toBeUndefined();
});

test('a job made elsewhere appears and a deleted one goes', () => {
  takeJobMessage(client, { action: 'create', record: aJob({ id: 'other' }) });
  expect(listed().map((job) => job.id)).toEqual(['other', id]);
  takeJobMessage(client, { action: 'delete', record: aJob({ revision: 1 }) });
  expect(listed().map((job) => job.id)).toEqual(['other']);
});

test('resync marks everything that was read as stale', () => {
  takeJobMessage(client, { action: 'resync' });
  expect(client.getQueryState(jobListQuery.queryKey)?.isInvalidated).toBe(true);
  expect(isStale()).toBe(true);
});

test('progress only goes forward', () => {
  takeProgress(client, aProgress({ version: 7, done_bytes: 70 }));
  takeProgress(client, aProgress({ version: 6, done_bytes: 60 }));
  expect(figures()?.done_bytes).toBe(70);
  takeProgress(client, aProgress({ version: 8, done_bytes: 80 }));
  expect(figures()?.done_bytes).toBe(80);
});

test('the detail is read again when the verdict changes, not at every figure', () => {
  takeProgress(client, aProgress({ version: 1, download_rate: 5 }));
  takeProgress(client, aProgress({ version: 2, download_rate: 0 }));
  expect(isStale()).toBe(false);
  takeVerdict(client, { job_id: id, version: 3, verdict: { code: 'no_peers', message: 'No peer was found yet.' } });
  expect(isStale()).toBe(true);
});

test('verdicts that were left out are read again', () => {
  takeVerdict(client, { action: 'resync' });
  expect(isStale()).toBe(true);
});

test('whoever watches the list sees what a message changes', () => {
  const seen: (string | undefined)[] = [];
  const observer = new InfiniteQueryObserver(client, { ...jobListQuery, enabled: false });
  const stop = observer.subscribe(({ data }) => seen.push(data && allJobs(data)[0]?.id));
  takeJobMessage(client, { action: 'create', record: aJob({ id: 'other' }) });
  expect(seen.at(-1)).toBe('other');
  stop();
});
