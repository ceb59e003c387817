import PocketBase from 'pocketbase';
import { csrfToken } from '../api/csrf';

/** What the connection does now. `reconnecting` also while the first connection is still being tried. */
export type ConnectionState = 'offline' | 'connecting' | 'online' | 'reconnecting';

export type RealtimeHandlers = {
  /** Called with each message's topic and decoded body. */
  message: (topic: string, body: unknown) => void;
  /** Called when subscriptions hold, at first and after every interruption: what was missed must be fetched. */
  online: () => void;
  /** Called when a held connection breaks. */
  dropped: () => void;
};

const retryAfter = 2000;
let state: ConnectionState = 'offline';
const watchers = new Set<() => void>();

export function connectionState(): ConnectionState {
  return state;
}

export function watchConnection(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function become(next: ConnectionState): void {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher();
}

/** Subscribes to topics of /api/realtime with the session's cookie until the returned function is called. */
export function openRealtime(topics: readonly string[], handlers: RealtimeHandlers): () => void {
  const client = new PocketBase(location.origin);
  let open = true;
  let timer: ReturnType<typeof setTimeout> | undefined;

  client.beforeSend = (url, options) => ({
    url,
    options: { ...options, headers: { ...options.headers, 'X-CSRF-Token': csrfToken() } },
  });
  client.afterSend = (response, body: unknown) => {
    if (open && response.ok) {
      become('online');
      handlers.online();
    }
    return body;
  };
  client.realtime.onDisconnect = () => {
    if (!open) return;
    become('reconnecting');
    handlers.dropped();
  };

  // The SDK reconnects by itself once it was connected; the first connection is ours to repeat.
  const connect = () => {
    const subscribed = topics.map((topic) =>
      client.realtime.subscribe(topic, (body: unknown) => {
        handlers.message(topic, body);
      }),
    );
    Promise.all(subscribed).catch(() => {
      if (!open) return;
      become('reconnecting');
      handlers.dropped();
      timer = setTimeout(() => {
        void client.realtime.unsubscribe().finally(connect);
      }, retryAfter);
    });
  };

  become('connecting');
  connect();
  return () => {
    open = false;
    clearTimeout(timer);
    void client.realtime.unsubscribe();
    become('offline');
  };
}
