/** Runs `act` for a key at once, and at most once more after each `wait` ms, however often it is asked to. */
export function coalesce(act: (key: string) => void, wait: number): (key: string) => void {
  const asked = new Map<string, boolean>();
  const run = (key: string) => {
    asked.set(key, false);
    act(key);
    setTimeout(() => {
      if (asked.get(key)) run(key);
      else asked.delete(key);
    }, wait);
  };
  return (key) => {
    if (asked.has(key)) asked.set(key, true);
    else run(key);
  };
}
