// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import type { FileNode, Folder, TreeNode } from '@/shared/api/types';
import { fileMessages } from '../lib/file-cache';
import { treeQuery } from '../api/file-queries';
import { FileBrowser } from './file-browser';

const jobId = 'job000000000001';

const file = (path: string, is_complete: boolean): FileNode => ({
  id: path,
  job_id: jobId,
  index: 0,
  name: path.split('/').at(-1) ?? '',
  path,
  size_bytes: 1_500_000,
  mime_type: 'text/plain',
  selected: true,
  is_complete,
  removed_at: null,
  updated_at: '2026-01-01T00:00:00.000Z',
  revision: 1,
});

const folder = (path: string, children: FileNode[]): Folder => ({
  name: path,
  path,
  size_bytes: 3_000_000,
  file_count: children.length,
  complete_count: children.filter((child) => child.is_complete).length,
  children,
});

function renderBrowser(items: TreeNode[]) {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY } } });
  client.setQueryData(treeQuery(jobId).queryKey, { pages: [{ items, next: null }], pageParams: [''] });
  render(
    <QueryClientProvider client={client}>
      <FileBrowser jobId={jobId} waiting />
    </QueryClientProvider>,
  );
  return client;
}

test('only complete files can be downloaded', () => {
  renderBrowser([file('ready.txt', true), file('running.txt', false)]);
  expect(screen.getByRole('button', { name: 'Download ready.txt' })).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Download running.txt' })).toBeNull();
  expect(screen.getByText('1 of 2 ready · 3.00 MB')).toBeDefined();
});

test('a folder opens and closes by keyboard', async () => {
  const user = userEvent.setup();
  renderBrowser([folder('docs', [file('docs/a.txt', true)])]);
  const toggle = screen.getByRole('button', { name: /docs/, expanded: true });
  toggle.focus();
  await user.keyboard('{Enter}');
  expect(toggle.getAttribute('aria-expanded')).toBe('false');
  expect(screen.queryByRole('button', { name: 'Download a.txt' })).toBeNull();
  await user.keyboard('{Enter}');
  expect(within(screen.getByRole('list', { name: 'docs' })).getByText('a.txt')).toBeDefined();
});

test('a file that completes while the page is open gets its button', async () => {
  const client = renderBrowser([folder('docs', [file('docs/a.txt', false)])]);
  expect(screen.queryByRole('button', { name: 'Download a.txt' })).toBeNull();
  const { name: _name, ...record } = file('docs/a.txt', true);
  fileMessages(client)({ action: 'update', record: { ...record, revision: 2 } });
  expect(await screen.findByRole('button', { name: 'Download a.txt' })).toBeDefined();
  expect(screen.getByRole('button', { name: /docs.*1 of 1 file ready/ })).toBeDefined();
});

test('while the metadata is not there the page says so', () => {
  renderBrowser([]);
  expect(screen.getByRole('heading', { name: 'No files yet' })).toBeDefined();
});
