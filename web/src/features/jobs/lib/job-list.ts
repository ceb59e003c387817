import type { InfiniteData } from '@tanstack/react-query';
import type { Job, JobList } from '@/shared/api/types';

export type JobPages = InfiniteData<JobList>;

/** Every job once, in the order of the pages: a job may stand on two when others came in between. */
export function allJobs(pages: JobPages): Job[] {
  const byId = new Map<string, Job>();
  for (const job of pages.pages.flatMap((page) => page.items)) {
    if (!byId.has(job.id)) byId.set(job.id, job);
  }
  return [...byId.values()];
}

/** Of two states of one job the one with the higher revision; the later one when they are equal. */
export function newerJob(known: Job | undefined, incoming: Job): Job {
  return known && known.revision > incoming.revision ? known : incoming;
}

/** Takes a job's newer state in; a job that is not there yet goes to the top, in place of its placeholder. */
export function putJob(pages: JobPages, job: Job): JobPages {
  if (!allJobs(pages).some((known) => known.id === job.id)) return addJob(pages, job);
  return mapItems(pages, (items) => items.map((known) => (known.id === job.id ? newerJob(known, job) : known)));
}

export function removeJob(pages: JobPages, id: string): JobPages {
  const before = allJobs(pages).length;
  const left = mapItems(pages, (items) => items.filter((job) => job.id !== id));
  return withTotal(left, allJobs(left).length - before);
}

/** Keeps what realtime told of while the list was being fetched. */
export function keepNewer(known: JobPages | undefined, fetched: JobPages): JobPages {
  if (!known) return fetched;
  const byId = new Map(allJobs(known).map((job) => [job.id, job]));
  return mapItems(fetched, (items) => items.map((job) => newerJob(byId.get(job.id), job)));
}

function addJob(pages: JobPages, job: Job): JobPages {
  const stands = placeholderId(job.infohash);
  const waiting = allJobs(pages).some((known) => known.id === stands);
  const rest = job.id !== stands && waiting ? removeJob(pages, stands) : pages;
  const added = mapItems(rest, (items, page) => (page === 0 ? [job, ...items] : items));
  return withTotal(added, 1);
}

/** The id a job has on the page until the server has given it one. */
export function placeholderId(key: string): string {
  return `new:${key}`;
}

export function isPlaceholder(job: Job): boolean {
  return job.id.startsWith('new:');
}

function mapItems(pages: JobPages, map: (items: Job[], page: number) => Job[]): JobPages {
  return { ...pages, pages: pages.pages.map((page, i) => ({ ...page, items: map(page.items, i) })) };
}

function withTotal(pages: JobPages, change: number): JobPages {
  const counted = (total: number) => (total < 0 ? total : Math.max(0, total + change));
  return { ...pages, pages: pages.pages.map((page) => ({ ...page, totalItems: counted(page.totalItems) })) };
}
