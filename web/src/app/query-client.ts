import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '@/shared/api/error';

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // Realtime keeps what is shown fresh, and what it may have missed is invalidated.
        staleTime: 60_000,
        retry: (failures, error) => failures < 2 && mayPass(error),
      },
    },
  });
}

function mayPass(error: Error): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500);
}
