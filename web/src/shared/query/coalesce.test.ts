import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { coalesce } from './coalesce';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a burst runs at once and once more', () => {
  const act = vi.fn();
  const ask = coalesce(act, 1000);
  for (let i = 0; i < 100; i++) ask('a');
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1000);
  expect(act).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5000);
  expect(act).toHaveBeenCalledTimes(2);
});

test('keys do not wait for each other', () => {
  const act = vi.fn();
  const ask = coalesce(act, 1000);
  ask('a');
  ask('b');
  expect(act.mock.calls).toEqual([['a'], ['b']]);
});

test('after a quiet time the next one runs at once again', () => {
  const act = vi.fn();
  const ask = coalesce(act, 1000);
  ask('a');
  vi.advanceTimersByTime(1000);
  ask('a');
  expect(act).toHaveBeenCalledTimes(2);
});
