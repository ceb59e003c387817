import type { Job, JobList, Progress } from '@/shared/api/types';

export function aJob(over: Partial<Job> = {}): Job {
  return {
    id: 'job000000000001',
    user_id: 'user00000000001',
    infohash: 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a',
    name: 'Debian',
    status: 'downloading',
    desired: 'run',
    magnet_uri: '',
    engine: '',
    agent_id: '',
    attempt: 1,
    size_bytes: 1000,
    done_bytes: 0,
    stored_bytes: 0,
    error: '',
    error_code: '',
    label: '',
    revision: 1,
    created_at: '2026-11-24 10:00:00.000Z',
    updated_at: '2026-11-24 10:00:00.000Z',
    completed_at: null,
    expires_at: null,
    ...over,
  };
}

export function aProgress(over: Partial<Progress> = {}): Progress {
  return {
    job_id: 'job000000000001',
    version: 1,
    status: 'downloading',
    done_bytes: 0,
    size_bytes: 1000,
    stored_bytes: 0,
    download_rate: 0,
    upload_rate: 0,
    eta_seconds: -1,
    peers: 0,
    seeds: 0,
    at: '2026-11-24T10:00:00Z',
    ...over,
  };
}

export function aPage(items: Job[], over: Partial<JobList> = {}): JobList {
  return { page: 1, perPage: 30, totalItems: items.length, totalPages: 1, next: null, items, ...over };
}
