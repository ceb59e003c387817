import { expect, test } from 'vitest';
import { checkMagnet, looksLikeMagnet } from './magnet';

const hex = 'C12FE1C06BBA254A9DC9F519B335AA7C1367A88A';

test.each([
  ['hexadecimal', `magnet:?xt=urn:btih:${hex}`, hex.toLowerCase(), ''],
  ['base32', 'magnet:?xt=urn:btih:YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK', 'yex6dqdlxisuvhoj6um3gnnkpqjwpkek', ''],
  ['with a name', `magnet:?xt=urn:btih:${hex}&dn=Two+Words%20%F0%9F%9A%A2`, hex.toLowerCase(), 'Two Words 🚢'],
  ['with the topic last', `magnet:?dn=x&tr=udp%3A%2F%2Ft%3A1&xt=urn:btih:${hex}`, hex.toLowerCase(), 'x'],
  ['of a hybrid', `magnet:?xt=urn:btmh:1220${'a'.repeat(64)}&xt=urn:btih:${hex}`, hex.toLowerCase(), ''],
  ['in capitals', `MAGNET:?xt=URN:BTIH:${hex}`, hex.toLowerCase(), ''],
  ['with white space around', `\n magnet:?xt=urn:btih:${hex} \n`, hex.toLowerCase(), ''],
])('takes a link: %s', (_name, link, infohash, name) => {
  expect(checkMagnet(link)).toEqual({ ok: true, infohash, name });
});

test.each([
  ['nothing', '', /begins with/],
  ['a web address', 'https://example.com/a.torrent', /begins with/],
  ['no topic', 'magnet:?dn=x', /names no torrent/],
  ['version 2 only', `magnet:?xt=urn:btmh:1220${'a'.repeat(64)}`, /version 2/],
  ['39 digits', `magnet:?xt=urn:btih:${hex.slice(1)}`, /40 hexadecimal/],
  ['a letter that is no digit', `magnet:?xt=urn:btih:${hex.slice(1)}g`, /40 hexadecimal/],
  ['base32 with a 1', 'magnet:?xt=urn:btih:1EX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK', /32 base32/],
  ['too long', `magnet:?xt=urn:btih:${hex}&dn=${'x'.repeat(65_536)}`, /64 KiB/],
])('refuses a link: %s', (_name, link, reason) => {
  const check = checkMagnet(link);
  expect(check.ok ? '' : check.reason).toMatch(reason);
});

test('a pasted text is told from a magnet', () => {
  expect(looksLikeMagnet(' magnet:?xt=')).toBe(true);
  expect(looksLikeMagnet('see magnet:?xt=')).toBe(false);
});
