import { expect, test } from 'vitest';
import { linkToken } from './link-token';

test.each([
  ['with the sign', '#token=abc-DEF_1', 'abc-DEF_1'],
  ['without the sign', 'token=abc', 'abc'],
  ['escaped', '#token=a%2Fb', 'a/b'],
  ['among others', '#x=1&token=abc', 'abc'],
  ['missing', '#', ''],
  ['nothing at all', '', ''],
])('the token is read: %s', (_name, hash, token) => {
  expect(linkToken(hash)).toBe(token);
});
