import { useNavigate } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { AddDownloadDialog, type Draft } from '@/features/jobs/components/add-download-dialog';
import { JobList } from '@/features/jobs/components/job-list';
import { JobSummary } from '@/features/jobs/components/job-summary';
import { PageDrop } from '@/features/jobs/components/page-drop';
import { Button } from '@/shared/ui/button';
import { PageTitle } from '@/shared/ui/page-title';

export function DashboardPage() {
  const [draft, setDraft] = useState<Draft | null>(null);
  const navigate = useNavigate();
  return (
    <>
      <PageTitle>Downloads</PageTitle>
      <header className="mb-6 flex flex-wrap items-center justify-between gap-4">
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">Downloads</h1>
          <p className="mt-1 text-sm text-muted">
            <JobSummary />
          </p>
        </div>
        <Button variant="primary" className="max-sm:w-full" onClick={() => setDraft({})}>
          <Plus aria-hidden className="size-4.5" />
          Add download
        </Button>
      </header>
      <JobList onAdd={() => setDraft({})} />
      <PageDrop onDraft={setDraft} />
      <AddDownloadDialog
        draft={draft}
        onClose={() => setDraft(null)}
        onOpenJob={(jobId) => void navigate({ to: '/dashboard/$jobId', params: { jobId } })}
      />
    </>
  );
}
