import { announcement } from '../lib/announce';
import type { JobView } from '../lib/job-view';

/** A live region whose text changes only with the state and at each quarter. */
export function ProgressAnnouncer({ view }: { view: JobView }) {
  return (
    <p aria-live="polite" className="sr-only">
      {announcement(view)}
    </p>
  );
}
