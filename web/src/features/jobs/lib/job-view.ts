import type { Job, JobStatus, Progress } from '@/shared/api/types';
import { percent } from '@/shared/format/percent';

export type Tone = 'active' | 'good' | 'still' | 'bad';

/** What a card or a page shows of a job: the record and, while it runs, the live figures. */
export type JobView = {
  title: string;
  label: string;
  tone: Tone;
  running: boolean;
  downloading: boolean;
  uploading: boolean;
  terminal: boolean;
  /** 0 to 100; null while the size is unknown and the job runs. */
  percent: number | null;
  doneBytes: number;
  sizeBytes: number;
  storedBytes: number;
  downloadRate: number;
  uploadRate: number;
  etaSeconds: number;
  peers: number;
  seeds: number;
};

const labels: Record<JobStatus, string> = {
  queued: 'Queued',
  fetching_metadata: 'Fetching metadata',
  awaiting_selection: 'Awaiting selection',
  downloading: 'Downloading',
  uploading: 'Uploading',
  paused: 'Paused',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

const tones: Record<JobStatus, Tone> = {
  queued: 'still',
  fetching_metadata: 'active',
  awaiting_selection: 'still',
  downloading: 'active',
  uploading: 'active',
  paused: 'still',
  completed: 'good',
  failed: 'bad',
  cancelled: 'still',
};

const runningStates: readonly JobStatus[] = ['fetching_metadata', 'downloading', 'uploading'];
const terminalStates: readonly JobStatus[] = ['completed', 'failed', 'cancelled'];

export function isRunning(status: JobStatus): boolean {
  return runningStates.includes(status);
}

export function isTerminal(status: JobStatus): boolean {
  return terminalStates.includes(status);
}

export function viewJob(job: Job, progress: Progress | undefined): JobView {
  const running = isRunning(job.status);
  const live = running ? progress : undefined;
  const sizeBytes = live?.size_bytes || job.size_bytes;
  const doneBytes = job.status === 'completed' ? sizeBytes : (live?.done_bytes ?? job.done_bytes);
  const storedBytes = live?.stored_bytes ?? job.stored_bytes;
  return {
    title: job.name || `Torrent ${job.infohash.slice(0, 8)}…`,
    label: statusLabel(job),
    tone: tones[job.status],
    running,
    downloading: job.status === 'downloading',
    uploading: job.status === 'uploading',
    terminal: isTerminal(job.status),
    percent: shownPercent(job.status, job.status === 'uploading' ? storedBytes : doneBytes, sizeBytes),
    doneBytes,
    sizeBytes,
    storedBytes,
    downloadRate: live?.download_rate ?? 0,
    uploadRate: live?.upload_rate ?? 0,
    etaSeconds: live?.eta_seconds ?? -1,
    peers: live?.peers ?? 0,
    seeds: live?.seeds ?? 0,
  };
}

/** A wish that is not yet fulfilled shows as being so. */
function statusLabel(job: Job): string {
  if (!isTerminal(job.status) && job.desired === 'cancel') return 'Cancelling…';
  if (isRunning(job.status) && job.desired === 'pause') return 'Pausing…';
  return labels[job.status];
}

/** What counts is verified bytes while downloading and stored bytes while uploading. */
function shownPercent(status: JobStatus, bytes: number, size: number): number | null {
  if (status === 'completed') return 100;
  if (size > 0) return percent(bytes, size);
  return isRunning(status) ? null : 0;
}

/** The actions the transition table allows a person. */
export function allowedActions(job: Job) {
  const terminal = isTerminal(job.status);
  const stopped = job.status === 'paused' || job.desired === 'pause';
  return {
    pause: !terminal && !stopped && job.desired !== 'cancel',
    resume: !terminal && stopped && job.desired !== 'cancel',
    cancel: !terminal && job.desired !== 'cancel',
  };
}
