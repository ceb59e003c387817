import { ProgressBar } from '@/shared/ui/progress-bar';
import type { JobView } from '../lib/job-view';

export function JobProgress({ view, large = false }: { view: JobView; large?: boolean }) {
  const text = view.percent === null ? 'Size not known yet' : `${view.percent}%`;
  return (
    <div className="flex items-center gap-3">
      <ProgressBar
        label={`Progress of ${view.title}`}
        value={view.percent}
        text={text}
        tone={view.tone}
        className={large ? 'h-3 flex-1' : 'flex-1'}
      />
      <span aria-hidden className="w-10 text-right text-[0.8125rem] font-medium tabular-nums text-soft">
        {view.percent === null ? '…' : text}
      </span>
    </div>
  );
}
