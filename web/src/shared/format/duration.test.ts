import { expect, test } from 'vitest';
import { formatEta } from './duration';

test.each([
  ['unknown', -1, ''],
  ['not a number', Number.NaN, ''],
  ['no time at all', 0, '0s'],
  ['part of a second', 0.2, '1s'],
  ['seconds', 59, '59s'],
  ['a whole minute', 60, '1m'],
  ['minutes and seconds', 125, '2m 5s'],
  ['a whole hour', 3600, '1h'],
  ['hours without their seconds', 3725, '1h 2m'],
  ['days', 90_000, '1d 1h'],
  ['more than anybody waits', 100 * 86_400, 'over 99d'],
])('formats %s', (_name, seconds, text) => {
  expect(formatEta(seconds)).toBe(text);
});
