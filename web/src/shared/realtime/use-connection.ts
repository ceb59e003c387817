import { useSyncExternalStore } from 'react';
import { type ConnectionState, connectionState, watchConnection } from './connection';

export function useConnection(): ConnectionState {
  return useSyncExternalStore(watchConnection, connectionState);
}

/** How often to ask the server while realtime is away: never while it is connected. */
export function useFallbackInterval(): number | false {
  return useConnection() === 'reconnecting' ? 5000 : false;
}
