import { Collapsible } from '@base-ui/react/collapsible';
import { ChevronRight, Folder as FolderIcon } from 'lucide-react';
import type { Folder, TreeNode } from '@/shared/api/types';
import { formatBytes } from '@/shared/format/bytes';
import { Button } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { useTree } from '../api/get-tree';
import { isFolder, sortNodes } from '../lib/tree';
import { FileRow } from './file-row';

const openUpTo = 12;

/** Nested lists: screen readers tell the depth and the count, Tab and Enter do the rest. */
export function NodeList({ jobId, nodes, label }: { jobId: string; nodes: readonly TreeNode[]; label: string }) {
  const sorted = sortNodes(nodes);
  return (
    <ul aria-label={label}>
      {sorted.map((node) =>
        isFolder(node) ? (
          <li key={`folder ${node.path}`}>
            <FolderRow jobId={jobId} folder={node} open={node.children !== null && sorted.length <= openUpTo} />
          </li>
        ) : (
          <li key={node.id}>
            <FileRow file={node} />
          </li>
        ),
      )}
    </ul>
  );
}

function FolderRow({ jobId, folder, open }: { jobId: string; folder: Folder; open: boolean }) {
  return (
    <Collapsible.Root defaultOpen={open}>
      <Collapsible.Trigger className="group flex min-h-12 w-full items-center gap-2 rounded-xl px-2 text-left transition hover:bg-hover/50">
        <ChevronRight aria-hidden className="size-4 shrink-0 text-muted transition group-data-panel-open:rotate-90" />
        <FolderIcon aria-hidden className="size-4.5 shrink-0 fill-accent/20 text-accent" />
        <span className="min-w-0 flex-1 py-1.5">
          <span className="block wrap-anywhere text-sm font-medium leading-5" dir="auto">
            {folder.name}
          </span>
          <span className="block text-xs tabular-nums text-muted">{folderText(folder)}</span>
        </span>
      </Collapsible.Trigger>
      <Collapsible.Panel className="ml-4 border-l border-line pl-2 sm:pl-3">
        {folder.children ? (
          <NodeList jobId={jobId} nodes={folder.children} label={folder.name} />
        ) : (
          <FolderLevel jobId={jobId} folder={folder} />
        )}
      </Collapsible.Panel>
    </Collapsible.Root>
  );
}

/** One level of a tree too large to come whole; it is fetched when it is opened. */
function FolderLevel({ jobId, folder }: { jobId: string; folder: Folder }) {
  const level = useTree(jobId, folder.path);
  if (level.isPending) return <Skeleton className="m-2 h-6" />;
  if (!level.data) return <Notice tone="bad">This folder could not be loaded.</Notice>;
  return (
    <>
      <NodeList jobId={jobId} nodes={level.data} label={folder.name} />
      {level.hasNextPage && (
        <Button size="sm" className="m-2" busy={level.isFetchingNextPage} onClick={() => void level.fetchNextPage()}>
          Show more files
        </Button>
      )}
    </>
  );
}

function folderText({ size_bytes, complete_count, file_count }: Folder): string {
  return `${formatBytes(size_bytes)} · ${complete_count} of ${file_count} ${file_count === 1 ? 'file' : 'files'} ready`;
}
