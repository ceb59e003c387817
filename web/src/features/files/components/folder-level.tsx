import { Button } from '@/shared/ui/button';
import { Notice } from '@/shared/ui/notice';
import { Skeleton } from '@/shared/ui/skeleton';
import { useTree } from '../api/get-tree';
import { NodeList } from './node-list';

/** One level of a tree too large to come whole; it is fetched when it is opened. */
export function FolderLevel({ jobId, parent, label }: { jobId: string; parent: string; label: string }) {
  const level = useTree(jobId, parent);
  if (level.isPending) return <Skeleton className="m-2 h-6" />;
  if (level.isError && !level.data) return <Notice tone="bad">This folder could not be loaded.</Notice>;
  return (
    <>
      <NodeList jobId={jobId} nodes={level.data} label={label} />
      {level.hasNextPage && (
        <Button size="sm" className="m-2" busy={level.isFetchingNextPage} onClick={() => void level.fetchNextPage()}>
          Show more files
        </Button>
      )}
    </>
  );
}
