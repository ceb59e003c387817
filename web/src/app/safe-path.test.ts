// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { safePath } from './safe-path';

test.each([
  ['a page', '/dashboard/abc', '/dashboard/abc'],
  ['a page with a query and a hash', '/dashboard?a=1#b', '/dashboard?a=1#b'],
  ['another site', 'https://example.com/', undefined],
  ['another site without a scheme', '//example.com/', undefined],
  ['another site by a backslash', '/\\example.com', undefined],
  ['a script', 'javascript:alert(1)', undefined],
  ['not a text', 7, undefined],
  ['nothing', undefined, undefined],
])('%s', (_name, value, expected) => {
  expect(safePath(value)).toBe(expected);
});
