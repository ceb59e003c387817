import { useMutation } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { startDownload } from '@/shared/browser/start-download';
import { toastError } from '@/shared/ui/toast';

/** Gets a link to a complete file and lets the browser download it. */
export function useDownload() {
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST('/files/{id}/signed-url', { params: { path: { id } }, body: { disposition: 'attachment' } })),
    onSuccess: ({ url }) => startDownload(url),
    onError: (error) => toastError(error),
  });
}
