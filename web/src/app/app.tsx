import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { Toaster } from 'sonner';
import { sessionQuery } from '@/features/auth/api/get-session';
import { onPolicyChanged, onSessionEnded } from '@/shared/api/client';
import { newQueryClient } from './query-client';
import { newRouter } from './router';

const queryClient = newQueryClient();
const router = newRouter(queryClient);

onSessionEnded(() => queryClient.setQueryData(sessionQuery.queryKey, null));
onPolicyChanged(() => void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey }));

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
      <Toaster theme="dark" position="bottom-right" closeButton visibleToasts={4} />
    </QueryClientProvider>
  );
}
