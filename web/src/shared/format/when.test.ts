import { expect, test } from 'vitest';
import { formatAgo, parseTime } from './when';

const now = new Date('2026-11-24T12:00:00Z');

test.each([
  ['2026-11-24 11:59:30.000Z', '30 seconds ago'],
  ['2026-11-24T11:45:00Z', '15 minutes ago'],
  ['2026-11-23 12:00:00.000Z', 'yesterday'],
  ['2026-11-24 12:00:00.000Z', 'now'],
])('%s is %s', (text, ago) => {
  const date = parseTime(text);
  expect(date && formatAgo(date, now)).toBe(ago);
});

test.each([undefined, '', 'soon'])('%s is no time', (text) => {
  expect(parseTime(text)).toBeNull();
});
