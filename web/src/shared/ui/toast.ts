import { toast } from 'sonner';
import { ApiError } from '../api/error';

type Action = { label: string; onClick: () => void };

export function toastDone(message: string): void {
  toast.success(message);
}

/** Shows a failure in the server's words. */
export function toastError(error: unknown, action?: Action): void {
  const message = error instanceof ApiError ? error.message : 'Something went wrong in this page. Reload it and try again.';
  // A message that comes twice replaces itself instead of piling up.
  toast.error(message, { id: message, ...(action && { action, duration: 10_000 }) });
}
