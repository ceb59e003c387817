import type { TreeNode } from '@/shared/api/types';
import { isFolder, sortNodes } from '../lib/tree';
import { FileRow } from './file-row';
import { FolderRow } from './folder-row';

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
