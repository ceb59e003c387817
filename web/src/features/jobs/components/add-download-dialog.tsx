import { type RefObject, useRef, useState } from 'react';
import { ApiError } from '@/shared/api/error';
import { Dialog } from '@/shared/ui/dialog';
import { Tabs } from '@/shared/ui/tabs';
import { toastDone, toastError } from '@/shared/ui/toast';
import { type Submission, useCreateJob } from '../api/create-job';
import { MagnetForm } from './magnet-form';
import { TorrentForm } from './torrent-form';

/** What the dialog opens with: nothing, a pasted magnet or a dropped file. */
export type Draft = { magnet?: string; torrent?: File };

type AddDownloadDialogProps = {
  /** null keeps the dialog closed. */
  draft: Draft | null;
  onClose: () => void;
  onOpenJob: (jobId: string) => void;
};

const inlineCodes = new Set(['invalid_magnet', 'invalid_torrent', 'invalid_input', 'too_large']);

export function AddDownloadDialog({ draft, onClose, onOpenJob }: AddDownloadDialogProps) {
  const magnetRef = useRef<HTMLTextAreaElement>(null);
  return (
    <Dialog
      open={draft !== null}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title="Add download"
      initialFocus={magnetRef}
      description="It begins at once and goes on when you close this page."
    >
      {draft && <Forms key={draftKey(draft)} draft={draft} magnetRef={magnetRef} onClose={onClose} onOpenJob={onOpenJob} />}
    </Dialog>
  );
}

type FormsProps = Omit<AddDownloadDialogProps, 'draft'> & {
  draft: Draft;
  magnetRef: RefObject<HTMLTextAreaElement | null>;
};

function Forms({ draft, magnetRef, onClose, onOpenJob }: FormsProps) {
  const [tab, setTab] = useState<'magnet' | 'torrent'>(draft.torrent ? 'torrent' : 'magnet');
  const create = useCreateJob();

  const submit = (submission: Submission) => {
    create.mutate(submission, {
      onSuccess: (job) => {
        onClose();
        toastDone(`Added ${job.name || submission.title}`);
      },
      onError: (error) => {
        if (isInline(error)) return;
        const jobId = error instanceof ApiError ? error.field('job_id') : undefined;
        onClose();
        toastError(error, jobId ? { label: 'Open it', onClick: () => onOpenJob(jobId) } : undefined);
      },
    });
  };

  const refused = create.error && isInline(create.error) ? create.error.message : undefined;
  const form = { busy: create.isPending, refused, onEdit: create.reset, onSubmit: submit };
  return (
    <Tabs
      label="Kind of download"
      value={tab}
      onChange={(next) => {
        setTab(next);
        create.reset();
      }}
      tabs={[
        {
          value: 'magnet',
          label: 'Magnet link',
          content: <MagnetForm ref={magnetRef} initial={draft.magnet ?? ''} {...form} />,
        },
        { value: 'torrent', label: 'Torrent file', content: <TorrentForm initial={draft.torrent} {...form} /> },
      ]}
    />
  );
}

/** A magnet pasted or a file dropped while the dialog is open begins it anew. */
function draftKey({ magnet, torrent }: Draft): string {
  return magnet ?? (torrent ? `${torrent.name} ${torrent.size} ${torrent.lastModified}` : '');
}

function isInline(error: Error): boolean {
  return error instanceof ApiError && inlineCodes.has(error.code);
}
