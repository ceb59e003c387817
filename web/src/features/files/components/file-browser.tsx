import { FolderSearch, Link2 } from 'lucide-react';
import { ApiError } from '@/shared/api/error';
import type { TreeNode } from '@/shared/api/types';
import { formatBytes } from '@/shared/format/bytes';
import { Button } from '@/shared/ui/button';
import { Card } from '@/shared/ui/card';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { useTree } from '../api/get-tree';
import { useCopyLinks } from '../api/sign-job-files';
import { totals } from '../lib/tree';
import { NodeList } from './node-list';

/** The files of a job. Those that are complete can be fetched while the others still run. */
export function FileBrowser({ jobId, waiting }: { jobId: string; waiting: boolean }) {
  const tree = useTree(jobId);
  return (
    <Card aria-label="Files" className="p-3 sm:p-4">
      {tree.data && tree.data.length > 0 && <Head jobId={jobId} nodes={tree.data} />}
      {tree.isPending ? (
        <Skeletons />
      ) : !tree.data ? (
        <Notice tone="bad" title="The files could not be loaded">
          {tree.error instanceof ApiError ? tree.error.message : 'Reload the page.'}
        </Notice>
      ) : tree.data.length === 0 ? (
        <NoFiles waiting={waiting} />
      ) : (
        <NodeList jobId={jobId} nodes={tree.data} label="Files" />
      )}
      {tree.hasNextPage && (
        <Button size="sm" className="m-2" busy={tree.isFetchingNextPage} onClick={() => void tree.fetchNextPage()}>
          Show more files
        </Button>
      )}
    </Card>
  );
}

function Head({ jobId, nodes }: { jobId: string; nodes: readonly TreeNode[] }) {
  const copy = useCopyLinks();
  const sum = totals(nodes);
  return (
    <header className="mb-2 flex min-h-9 items-center justify-between gap-3 px-2">
      <div className="min-w-0">
        <h2 className="text-sm font-semibold">Files</h2>
        <p className="text-xs tabular-nums text-muted">
          {sum.complete} of {sum.files} ready · {formatBytes(sum.bytes)}
        </p>
      </div>
      <Button size="sm" variant="ghost" disabled={sum.complete === 0} busy={copy.isPending} onClick={() => copy.mutate(jobId)}>
        <Link2 aria-hidden className="size-4" />
        Copy all links
      </Button>
    </header>
  );
}

function Skeletons() {
  return (
    <div role="status" aria-label="Loading files" className="grid gap-4 p-2">
      {[0, 1, 2, 3].map((row) => (
        <Skeleton key={row} className="h-6" />
      ))}
    </div>
  );
}

function NoFiles({ waiting }: { waiting: boolean }) {
  return (
    <div className="px-4 py-12 text-center">
      <FolderSearch aria-hidden className="mx-auto size-9 text-edge" />
      <h2 className="mt-4 text-sm font-semibold">{waiting ? 'No files yet' : 'No files'}</h2>
      <p className="mt-1 text-[0.8125rem] text-muted">
        {waiting ? 'The list comes with the metadata from the swarm.' : 'This download ended before its files were known.'}
      </p>
    </div>
  );
}
