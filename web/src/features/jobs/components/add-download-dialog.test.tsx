// @vitest-environment jsdom
import { File } from 'node:buffer';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { jobListQuery } from '../api/job-queries';
import { allJobs } from '../lib/job-list';
import { aJob, aPage } from '../lib/testing';
import { AddDownloadDialog, type Draft } from './add-download-dialog';

const magnet = 'magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=Debian';

function renderDialog(draft: Draft) {
  const client = new QueryClient();
  client.setQueryData(jobListQuery.queryKey, { pages: [aPage([])], pageParams: [''] });
  const onClose = vi.fn();
  render(
    <QueryClientProvider client={client}>
      <AddDownloadDialog draft={draft} onClose={onClose} onOpenJob={vi.fn()} />
    </QueryClientProvider>,
  );
  const names = () => allJobs(client.getQueryData(jobListQuery.queryKey) ?? { pages: [], pageParams: [] }).map((job) => job.name);
  return { onClose, names };
}

/** Answers the next request when it is told to. */
function holdAnswer(status: number, body: unknown) {
  let answer: (response: Response) => void = () => undefined;
  vi.spyOn(globalThis, 'fetch').mockReturnValue(new Promise((resolve) => (answer = resolve)));
  return () => answer(new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } }));
}

const link = () => screen.getByRole('textbox', { name: 'Magnet link' });
const submit = () => screen.getByRole('button', { name: 'Add download' });

test('a broken link is told at once and cannot be sent', async () => {
  renderDialog({});
  expect(submit()).toHaveProperty('disabled', true);
  await userEvent.type(link(), 'magnet:?dn=x');
  expect(link().getAttribute('aria-invalid')).toBe('true');
  expect(screen.getByText(/names no torrent/)).toBeDefined();
  expect(submit()).toHaveProperty('disabled', true);
});

test('a card stands on the page before the server has answered', async () => {
  const answer = holdAnswer(201, aJob({ name: 'Debian 13' }));
  const { onClose, names } = renderDialog({ magnet });
  await userEvent.click(submit());
  await waitFor(() => expect(names()).toEqual(['Debian']));
  answer();
  await waitFor(() => expect(names()).toEqual(['Debian 13']));
  expect(onClose).toHaveBeenCalledOnce();
});

test('what the server refuses stands under the field, and the card goes again', async () => {
  const answer = holdAnswer(400, { status: 400, code: 'invalid_magnet', message: 'It has too many trackers.', data: {} });
  const { onClose, names } = renderDialog({ magnet });
  await userEvent.click(submit());
  answer();
  expect(await screen.findByText('It has too many trackers.')).toBeDefined();
  expect(names()).toEqual([]);
  expect(onClose).not.toHaveBeenCalled();
});

test('a dropped file opens the other tab', async () => {
  // jsdom's own File cannot be read by arrayBuffer().
  renderDialog({ torrent: new File(['d4:infod'], 'debian.torrent') as unknown as globalThis.File });
  expect(screen.getByRole('tab', { name: 'Torrent file', selected: true })).toBeDefined();
  expect(await screen.findByText('debian.torrent')).toBeDefined();
});
