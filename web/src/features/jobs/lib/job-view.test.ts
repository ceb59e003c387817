import { expect, test } from 'vitest';
import { allowedActions, viewJob } from './job-view';
import { aJob, aProgress } from './testing';

test('live figures win while the job runs', () => {
  const view = viewJob(aJob({ done_bytes: 10 }), aProgress({ done_bytes: 456, download_rate: 99, peers: 3 }));
  expect(view).toMatchObject({ percent: 45, doneBytes: 456, downloadRate: 99, peers: 3, tone: 'active' });
});

test('left-over figures of a job that stands are not shown', () => {
  const view = viewJob(aJob({ status: 'paused', done_bytes: 200 }), aProgress({ done_bytes: 456, download_rate: 99 }));
  expect(view).toMatchObject({ percent: 20, downloadRate: 0, running: false });
});

test('while uploading the bar shows what is stored', () => {
  const view = viewJob(aJob({ status: 'uploading' }), aProgress({ done_bytes: 1000, stored_bytes: 300 }));
  expect(view.percent).toBe(30);
});

test('the size is unknown while metadata is fetched', () => {
  expect(viewJob(aJob({ status: 'fetching_metadata', size_bytes: 0 }), undefined).percent).toBeNull();
  expect(viewJob(aJob({ status: 'queued', size_bytes: 0 }), undefined).percent).toBe(0);
});

test('a completed job of empty files is at 100', () => {
  expect(viewJob(aJob({ status: 'completed', size_bytes: 0 }), undefined).percent).toBe(100);
});

test('a job without a name goes by its infohash', () => {
  expect(viewJob(aJob({ name: '' }), undefined).title).toBe('Torrent c12fe1c0…');
});

test.each([
  ['downloading', 'pause', 'Pausing…'],
  ['downloading', 'cancel', 'Cancelling…'],
  ['paused', 'pause', 'Paused'],
  ['cancelled', 'cancel', 'Cancelled'],
  ['fetching_metadata', 'run', 'Fetching metadata'],
] as const)('%s wished to %s reads %s', (status, desired, label) => {
  expect(viewJob(aJob({ status, desired }), undefined).label).toBe(label);
});

test.each([
  ['downloading', 'run', { pause: true, resume: false, cancel: true }],
  ['downloading', 'pause', { pause: false, resume: true, cancel: true }],
  ['paused', 'pause', { pause: false, resume: true, cancel: true }],
  ['queued', 'run', { pause: true, resume: false, cancel: true }],
  ['downloading', 'cancel', { pause: false, resume: false, cancel: false }],
  ['completed', 'run', { pause: false, resume: false, cancel: false }],
  ['failed', 'run', { pause: false, resume: false, cancel: false }],
] as const)('%s wished to %s offers the right actions', (status, desired, actions) => {
  expect(allowedActions(aJob({ status, desired }))).toEqual(actions);
});
