import type { JobView } from './job-view';

/** What a screen reader is told of a job: its state, and how far it is in quarters, so that it is not told every second. */
export function announcement(view: JobView): string {
  const quarter = view.percent === null ? 0 : Math.floor(view.percent / 25) * 25;
  const far = view.running && quarter > 0 ? `, ${quarter}% done` : '';
  return `${view.title}: ${view.label}${far}`;
}
