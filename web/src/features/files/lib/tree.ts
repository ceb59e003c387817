import type { FileNode, Folder, Tree, TreeNode } from '@/shared/api/types';

export function isFolder(node: TreeNode): node is Folder {
  return !('id' in node);
}

/** Folders first, then files, both by name as a person sorts them ("2" before "10"). */
export function sortNodes(nodes: readonly TreeNode[]): TreeNode[] {
  return [...nodes].sort(
    (a, b) => Number(isFolder(b)) - Number(isFolder(a)) || byName.compare(a.name, b.name) || (a.path < b.path ? -1 : 1),
  );
}

const byName = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Takes a file's newer state in. Answers the same tree when nothing in it changes. */
export function putFile(tree: Tree, file: Omit<FileNode, 'name'>): Tree {
  const items = putInto(tree.items, file);
  return items === tree.items ? tree : { ...tree, items };
}

function putInto(nodes: TreeNode[], file: Omit<FileNode, 'name'>): TreeNode[] {
  const next = nodes.map((node) => (isFolder(node) ? putIntoFolder(node, file) : putOver(node, file)));
  return next.some((node, i) => node !== nodes[i]) ? next : nodes;
}

function putIntoFolder(folder: Folder, file: Omit<FileNode, 'name'>): Folder {
  if (!folder.children || !file.path.startsWith(`${folder.path}/`)) return folder;
  const children = putInto(folder.children, file);
  return children === folder.children ? folder : { ...folder, children, complete_count: countComplete(children) };
}

function putOver(node: FileNode, file: Omit<FileNode, 'name'>): FileNode {
  return node.id === file.id && node.revision < file.revision ? { ...node, ...file } : node;
}

function countComplete(nodes: TreeNode[]): number {
  return nodes.reduce((sum, node) => sum + (isFolder(node) ? node.complete_count : Number(node.is_complete)), 0);
}

/** Whether a folder's own answer is needed to know how the file below it changed it. */
export function isPaged(tree: Tree): boolean {
  return tree.next !== null || tree.items.some((node) => isFolder(node) && node.children === null);
}

export type Totals = { files: number; complete: number; bytes: number };

/** Sums over what is loaded; folders bring their own sums. */
export function totals(nodes: readonly TreeNode[]): Totals {
  return nodes.reduce(
    (sum, node) => ({
      files: sum.files + (isFolder(node) ? node.file_count : 1),
      complete: sum.complete + (isFolder(node) ? node.complete_count : Number(node.is_complete)),
      bytes: sum.bytes + node.size_bytes,
    }),
    { files: 0, complete: 0, bytes: 0 },
  );
}
