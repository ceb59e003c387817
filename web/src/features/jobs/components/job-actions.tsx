import { Ban, Pause, Play, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Job } from '@/shared/api/types';
import { IconButton } from '@/shared/ui/button';
import { ConfirmDialog } from '@/shared/ui/dialog';
import { toastDone, toastError } from '@/shared/ui/toast';
import { useCancelJob } from '../api/cancel-job';
import { useDeleteJob } from '../api/delete-job';
import { usePauseJob } from '../api/pause-job';
import { useResumeJob } from '../api/resume-job';
import { allowedActions } from '../lib/job-view';

type JobActionsProps = { job: Job; title: string; onDeleted?: () => void };

export function JobActions({ job, title, onDeleted }: JobActionsProps) {
  const [asking, setAsking] = useState<'cancel' | 'delete' | null>(null);
  const pause = usePauseJob();
  const resume = useResumeJob();
  const cancel = useCancelJob();
  const remove = useDeleteJob();
  const may = allowedActions(job);
  const close = () => setAsking(null);
  const settled = { onError: (error: Error) => toastError(error) };

  return (
    <div role="group" aria-label={`Actions for ${title}`} className="flex items-center gap-0.5">
      {may.pause && (
        <IconButton label="Pause" disabled={pause.isPending} onClick={() => pause.mutate(job.id, settled)}>
          <Pause aria-hidden />
        </IconButton>
      )}
      {may.resume && (
        <IconButton label="Resume" disabled={resume.isPending} onClick={() => resume.mutate(job.id, settled)}>
          <Play aria-hidden />
        </IconButton>
      )}
      {may.cancel && (
        <IconButton label="Cancel" disabled={cancel.isPending} onClick={() => setAsking('cancel')}>
          <Ban aria-hidden />
        </IconButton>
      )}
      <IconButton label="Delete" tone="danger" onClick={() => setAsking('delete')}>
        <Trash2 aria-hidden />
      </IconButton>
      <ConfirmDialog
        open={asking === 'cancel'}
        onOpenChange={close}
        title="Cancel this download?"
        description={`“${title}” stops for good. Files that are complete stay.`}
        action="Cancel download"
        busy={cancel.isPending}
        onConfirm={() => cancel.mutate(job.id, { ...settled, onSettled: close })}
      />
      <ConfirmDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title="Delete this download?"
        description={`“${title}” and all of its files are removed. This cannot be undone.`}
        action="Delete"
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(job.id, {
            onError: (error) => toastError(error),
            onSuccess: () => {
              toastDone('Download deleted');
              onDeleted?.();
            },
            onSettled: close,
          })
        }
      />
    </div>
  );
}
