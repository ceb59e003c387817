import type { QueryClient } from '@tanstack/react-query';
import type { FileMessage, Tree } from '@/shared/api/types';
import { coalesce } from '@/shared/query/coalesce';
import { filesKey, jobFilesKey } from '../api/file-queries';
import { isPaged, putFile } from './tree';

/** Answers what takes messages of the topic `files/*` into the cache. */
export function fileMessages(client: QueryClient): (message: FileMessage) => void {
  // Hundreds of small files may complete in a second: a paged tree is read again at most once in two.
  const reread = coalesce((jobId) => void client.invalidateQueries({ queryKey: jobFilesKey(jobId) }), 2000);
  return ({ action, record, job_id }) => {
    if (action === 'update' && record) {
      if (putIntoTrees(client, record)) reread(record.job_id);
    } else if (job_id) reread(job_id);
    else refetchFiles(client);
  };
}

export function refetchFiles(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: filesKey });
}

/** Answers whether some level cannot be brought up to date without asking. */
function putIntoTrees(client: QueryClient, file: NonNullable<FileMessage['record']>): boolean {
  let paged = false;
  client.setQueriesData<{ pages: Tree[]; pageParams: unknown[] }>({ queryKey: jobFilesKey(file.job_id) }, (data) => {
    if (!data) return data;
    paged ||= data.pages.some(isPaged);
    return { ...data, pages: data.pages.map((tree) => putFile(tree, file)) };
  });
  return paged;
}
