import { expect, test } from 'vitest';
import { formatBytes, formatRate } from './bytes';

test.each([
  ['nothing', 0, '0 B'],
  ['one byte', 1, '1 B'],
  ['the last whole byte', 999, '999 B'],
  ['a kilobyte', 1000, '1.00 KB'],
  ['three digits', 1_536_000, '1.54 MB'],
  ['tens', 45_600_000, '45.6 MB'],
  ['rounding up to the next unit', 999_999, '1.00 MB'],
  ['just below ten', 9_999, '10.0 KB'],
  ['hundreds', 123_456_789_012, '123 GB'],
  ['the largest size the server keeps', 2 ** 53 - 1, '9.01 PB'],
  ['a size that is not known', Number.NaN, '0 B'],
  ['less than nothing', -5, '0 B'],
])('formats %s', (_name, bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('a rate says per second', () => {
  expect(formatRate(2_500_000)).toBe('2.50 MB/s');
});
