import type { JobEvent } from '@/shared/api/types';

const wishes: Record<string, string> = { run: 'Asked to go on', pause: 'Asked to pause', cancel: 'Asked to cancel' };

const statuses: Record<string, string> = {
  queued: 'Back in the queue',
  fetching_metadata: 'Fetching metadata from the swarm',
  awaiting_selection: 'Waiting for a choice of files',
  downloading: 'Downloading',
  uploading: 'All pieces verified, storing the rest',
  paused: 'Paused',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** One line about an event. A name this page does not know is shown as it is. */
export function eventText(event: JobEvent): string {
  const payload = event.payload ?? {};
  switch (event.event_type) {
    case 'created':
      return 'Added';
    case 'status':
      return statuses[textOf(payload, 'to')] ?? `Became ${textOf(payload, 'to')}`;
    case 'desired':
      return wishes[textOf(payload, 'desired')] ?? 'Wish changed';
    case 'metadata':
      return 'Metadata received';
    case 'file_completed':
      return readyText(payload.files);
    case 'retry':
      return 'Trying again';
    case 'expired':
      return 'Files removed: their time was over';
    case 'uploads_given_up':
      return 'Paused for days: unfinished uploads were dropped';
    default:
      return event.event_type;
  }
}

/** The payload names the indexes of the files that became complete together. */
function readyText(files: unknown): string {
  return Array.isArray(files) && files.length > 1 ? `${files.length} files are ready` : 'A file is ready';
}

function textOf(payload: Record<string, unknown>, key: string): string {
  const value = payload[key];
  return typeof value === 'string' ? value : '';
}
