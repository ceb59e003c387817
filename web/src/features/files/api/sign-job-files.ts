import { useMutation } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';
import { copyText } from '@/shared/browser/copy-text';
import { toastDone, toastError } from '@/shared/ui/toast';

/** Copies links to every complete file of a job, one a line. */
export function useCopyLinks() {
  return useMutation({
    mutationFn: async (jobId: string) => {
      const { items } = await unwrap(api.POST('/jobs/{id}/signed-urls', { params: { path: { id: jobId } }, body: {} }));
      await copyText(items.map((link) => link.url).join('\n'));
      return items.length;
    },
    onSuccess: (count) => toastDone(count === 1 ? '1 link copied' : `${count} links copied`),
    onError: (error) => toastError(error),
  });
}
