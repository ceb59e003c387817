import { Collapsible } from '@base-ui/react/collapsible';
import { ChevronRight, Folder as FolderIcon } from 'lucide-react';
import { useState } from 'react';
import type { Folder } from '@/shared/api/types';
import { formatBytes } from '@/shared/format/bytes';
import { FolderLevel } from './folder-level';
import { NodeList } from './node-list';

type FolderRowProps = { jobId: string; folder: Folder; open: boolean };

export function FolderRow({ jobId, folder, open: initiallyOpen }: FolderRowProps) {
  const [open, setOpen] = useState(initiallyOpen);
  return (
    <Collapsible.Root open={open} onOpenChange={setOpen}>
      <Collapsible.Trigger className="group flex min-h-12 w-full items-center gap-2 rounded-xl px-2 text-left transition hover:bg-hover/50">
        <ChevronRight aria-hidden className="size-4 shrink-0 text-muted transition group-data-panel-open:rotate-90" />
        <FolderIcon aria-hidden className="size-4.5 shrink-0 fill-accent/20 text-accent" />
        <span className="min-w-0 flex-1 py-1.5">
          <span className="block wrap-anywhere text-sm font-medium leading-5" dir="auto">
            {folder.name}
          </span>
          <span className="block text-xs tabular-nums text-muted">
            {formatBytes(folder.size_bytes)} · {folder.complete_count} of {folder.file_count}{' '}
            {folder.file_count === 1 ? 'file' : 'files'} ready
          </span>
        </span>
      </Collapsible.Trigger>
      <Collapsible.Panel className="ml-4 border-l border-line pl-2 sm:pl-3">
        {folder.children ? (
          <NodeList jobId={jobId} nodes={folder.children} label={folder.name} />
        ) : (
          <FolderLevel jobId={jobId} parent={folder.path} label={folder.name} />
        )}
      </Collapsible.Panel>
    </Collapsible.Root>
  );
}
