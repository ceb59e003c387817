import { expect, test } from 'vitest';
import { percent } from './percent';

test.each([
  ['an unknown size', 5, 0, 0],
  ['nothing done', 0, 10, 0],
  ['one byte short of the end', 999_999, 1_000_000, 99],
  ['all done', 10, 10, 100],
  ['more than all', 11, 10, 100],
  ['less than nothing', -1, 10, 0],
])('of %s', (_name, done, size, expected) => {
  expect(percent(done, size)).toBe(expected);
});
