import { CircleCheck, Download, LoaderCircle } from 'lucide-react';
import type { FileNode } from '@/shared/api/types';
import { formatBytes } from '@/shared/format/bytes';
import { buttonClass } from '@/shared/ui/button';
import { useDownload } from '../api/sign-file';
import { FileIcon } from './file-icon';

export function FileRow({ file }: { file: FileNode }) {
  return (
    <div className="flex min-h-12 items-center gap-3 rounded-xl px-2 transition hover:bg-hover/50">
      <FileIcon mimeType={file.mime_type} name={file.name} />
      <div className="min-w-0 flex-1 py-1.5">
        <p className="wrap-anywhere text-sm leading-5 text-ink" dir="auto">
          {file.name}
        </p>
        <p className="flex items-center gap-1.5 text-xs tabular-nums text-muted">
          {formatBytes(file.size_bytes)}
          <FileState file={file} />
        </p>
      </div>
      {file.is_complete && <DownloadButton file={file} />}
    </div>
  );
}

function FileState({ file }: { file: FileNode }) {
  if (file.is_complete) {
    return (
      <span className="inline-flex items-center gap-1 text-good">
        <CircleCheck aria-hidden className="size-3.5" />
        Ready
      </span>
    );
  }
  return <span>· {file.selected ? 'In progress' : 'Not selected'}</span>;
}

function DownloadButton({ file }: { file: FileNode }) {
  const download = useDownload();
  const Icon = download.isPending ? LoaderCircle : Download;
  return (
    <button
      type="button"
      aria-label={`Download ${file.name}`}
      disabled={download.isPending}
      onClick={() => download.mutate(file.id)}
      className={buttonClass('secondary', 'sm', 'max-sm:size-10 max-sm:px-0')}
    >
      <Icon aria-hidden className={download.isPending ? 'size-4 animate-spin' : 'size-4'} />
      <span className="max-sm:hidden">Download</span>
    </button>
  );
}
