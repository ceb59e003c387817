// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { SetupForm } from './setup-form';

const button = () => screen.getByRole('button', { name: 'Create account and sign in' });

function renderForm() {
  const onDone = vi.fn(() => Promise.resolve());
  render(
    <QueryClientProvider client={new QueryClient()}>
      <SetupForm token="token" minPassword={12} onDone={onDone} />
    </QueryClientProvider>,
  );
  return onDone;
}

test('a short password is told and not sent', async () => {
  const fetch = vi.spyOn(globalThis, 'fetch');
  renderForm();
  await userEvent.type(screen.getByLabelText('E-mail'), 'ann@example.com');
  await userEvent.type(screen.getByLabelText('Password'), 'eleven char');
  expect(screen.getByText('1 more character to go.')).toBeDefined();
  await userEvent.click(button());
  expect(fetch).not.toHaveBeenCalled();
});

test('the server has the last word on a used link', async () => {
  const refusal = { status: 403, code: 'forbidden', message: 'This link has been used.', data: {} };
  vi.spyOn(globalThis, 'fetch').mockImplementation(() =>
    Promise.resolve(new Response(JSON.stringify(refusal), { status: 403, headers: { 'content-type': 'application/json' } })),
  );
  const onDone = renderForm();
  await userEvent.type(screen.getByLabelText('E-mail'), 'ann@example.com');
  await userEvent.type(screen.getByLabelText('Password'), 'correct horse battery');
  await userEvent.click(button());
  expect((await screen.findByRole('alert')).textContent).toBe('This link has been used.');
  expect(onDone).not.toHaveBeenCalled();
});
