import { expect, test } from 'vitest';
import { torrentFileProblem, torrentFileTitle } from './torrent-file';

test('a bencoded dictionary may be a .torrent', async () => {
  expect(await torrentFileProblem(new File(['d8:announce0:e'], 'a.torrent'))).toBeNull();
});

test.each([
  ['empty', '', /empty/],
  ['a web page', '<!doctype html>', /not a .torrent/],
  ['too large', `d${'x'.repeat(10 * 1024 * 1024)}`, /10 MiB/],
])('a file is refused: %s', async (_name, content, problem) => {
  expect(await torrentFileProblem(new File([content], 'a.torrent'))).toMatch(problem);
});

test('the title leaves the ending out', () => {
  expect(torrentFileTitle(new File([], 'Debian 13.TORRENT'))).toBe('Debian 13');
});
