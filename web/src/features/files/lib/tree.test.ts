import { expect, test } from 'vitest';
import type { FileNode, Folder, Tree, TreeNode } from '@/shared/api/types';
import { isFolder, isPaged, putFile, sortNodes, totals } from './tree';

const file = (path: string, over: Partial<FileNode> = {}): FileNode => ({
  id: path,
  job_id: 'job000000000001',
  index: 0,
  name: path.split('/').at(-1) ?? '',
  path,
  size_bytes: 10,
  mime_type: 'text/plain',
  selected: true,
  is_complete: false,
  removed_at: null,
  updated_at: '2026-01-01T00:00:00.000Z',
  revision: 1,
  ...over,
});

const folder = (path: string, children: TreeNode[] | null, over: Partial<Folder> = {}): Folder => ({
  name: path.split('/').at(-1) ?? '',
  path,
  size_bytes: 20,
  file_count: 2,
  complete_count: 0,
  children,
  ...over,
});

const tree = (...items: TreeNode[]): Tree => ({ items, next: null });

test('folders come first and numbers sort as numbers', () => {
  const names = sortNodes([file('10.txt'), file('2.txt'), folder('z', []), folder('A', [])]).map((node) => node.name);
  expect(names).toEqual(['A', 'z', '2.txt', '10.txt']);
});

test('a completed file counts in each folder above it', () => {
  const before = tree(folder('a', [folder('a/b', [file('a/b/1'), file('a/b/2')]), file('a/3', { is_complete: true })]));
  const after = putFile(before, file('a/b/2', { is_complete: true, revision: 2 }));
  const a = after.items.find(isFolder);
  const b = a?.children?.find(isFolder);
  expect([a?.complete_count, b?.complete_count]).toEqual([2, 1]);
  expect(totals(after.items)).toEqual({ files: 2, complete: 2, bytes: 20 });
});

test('an older or equal revision changes nothing', () => {
  const before = tree(file('a', { revision: 5, is_complete: true }));
  expect(putFile(before, file('a', { revision: 4 }))).toBe(before);
  expect(putFile(before, file('a', { revision: 5 }))).toBe(before);
});

test('a file of a folder with a similar name is not touched', () => {
  const before = tree(folder('a', [file('a/1', { id: 'x' })]), folder('ab', [file('ab/1', { id: 'y' })]));
  const after = putFile(before, file('ab/1', { id: 'y', revision: 2, is_complete: true }));
  expect(after.items[0]).toBe(before.items[0]);
  expect(after.items[1]).not.toBe(before.items[1]);
});

test('the name stays: realtime records carry none', () => {
  const { name: _name, ...record } = file('a/b.txt', { id: 'x', revision: 2 });
  const after = putFile(tree(file('a/b.txt', { id: 'x' })), record);
  expect(after.items[0]?.name).toBe('b.txt');
});

test.each([
  ['whole', tree(folder('a', [file('a/1')])), false],
  ['one level', tree(folder('a', null)), true],
  ['with a next page', { items: [file('a')], next: 'cursor' }, true],
])('a tree is %s', (_name, answer, paged) => {
  expect(isPaged(answer)).toBe(paged);
});
