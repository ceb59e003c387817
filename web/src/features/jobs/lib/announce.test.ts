import { expect, test } from 'vitest';
import { announcement } from './announce';
import { viewJob } from './job-view';
import { aJob, aProgress } from './testing';

const at = (done_bytes: number) => announcement(viewJob(aJob(), aProgress({ done_bytes })));

test('progress is told in quarters', () => {
  expect(at(240)).toBe('Debian: Downloading');
  expect(at(250)).toBe('Debian: Downloading, 25% done');
  expect(at(499)).toBe(at(250));
  expect(at(990)).toBe('Debian: Downloading, 75% done');
});

test('the end is told without a figure', () => {
  expect(announcement(viewJob(aJob({ status: 'completed' }), undefined))).toBe('Debian: Completed');
});
