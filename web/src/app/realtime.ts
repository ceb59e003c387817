import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { toast } from 'sonner';
import { sessionQuery } from '@/features/auth/api/get-session';
import { fileMessages, refetchFiles } from '@/features/files/lib/file-cache';
import { refetchJobs, takeJobMessage, takeProgress, takeVerdict } from '@/features/jobs/lib/job-cache';
import type { FileMessage, Job, JobMessage, Progress, VerdictMessage } from '@/shared/api/types';
import { openRealtime } from '@/shared/realtime/connection';

const topics = ['jobs/*', 'files/*', 'progress', 'verdicts'] as const;

/** Keeps the query cache fresh by realtime while the shell is on the page. */
export function useRealtime(): void {
  const client = useQueryClient();
  const navigate = useNavigate();
  useEffect(() => {
    const open = (job: Job) => void navigate({ to: '/dashboard/$jobId', params: { jobId: job.id } });
    return openRealtime(topics, {
      message: router(client, open),
      online: () => refetchAll(client),
      // A session that has ended breaks the connection too: asking tells.
      dropped: () => void client.invalidateQueries({ queryKey: sessionQuery.queryKey }),
    });
  }, [client, navigate]);
}

function router(client: QueryClient, open: (job: Job) => void): (topic: string, body: unknown) => void {
  const takeFileMessage = fileMessages(client);
  return (topic, body) => {
    if (topic === 'progress') takeFigures(client, body as Progress | JobMessage);
    else if (topic === 'verdicts') takeVerdict(client, body as VerdictMessage | JobMessage);
    else if (topic === 'files/*') takeFileMessage(body as FileMessage);
    else {
      const completed = takeJobMessage(client, body as JobMessage);
      if (completed) tellCompleted(completed, open);
    }
  };
}

/** Figures left out come with the job's next ones; a resync of theirs asks for the jobs once. */
function takeFigures(client: QueryClient, body: Progress | JobMessage): void {
  if ('action' in body) refetchJobs(client);
  else takeProgress(client, body);
}

function refetchAll(client: QueryClient): void {
  refetchJobs(client);
  refetchFiles(client);
}

function tellCompleted(job: Job, open: (job: Job) => void): void {
  const isOpen = location.pathname.endsWith(job.id);
  toast.success(`${job.name} is ready`, isOpen ? {} : { action: { label: 'Open it', onClick: () => open(job) } });
}
