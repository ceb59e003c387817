import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { classNames } from './class-names';

type Tone = 'info' | 'good' | 'warn' | 'bad';

const tones = {
  info: { icon: Info, box: 'border-accent/30 bg-accent/10', mark: 'text-accent' },
  good: { icon: CircleCheck, box: 'border-good/30 bg-good/10', mark: 'text-good' },
  warn: { icon: TriangleAlert, box: 'border-warn/30 bg-warn/10', mark: 'text-warn' },
  bad: { icon: CircleAlert, box: 'border-bad/35 bg-bad/10', mark: 'text-bad' },
} as const;

type NoticeProps = { tone?: Tone; title?: string; children: ReactNode; action?: ReactNode; role?: 'alert' | 'status' };

export function Notice({ tone = 'info', title, children, action, role }: NoticeProps) {
  const { icon: Icon, box, mark } = tones[tone];
  return (
    <div role={role} className={classNames('flex items-start gap-3 rounded-xl border px-4 py-3 text-sm', box)}>
      <Icon aria-hidden className={classNames('mt-0.5 size-4.5 shrink-0', mark)} />
      <div className="min-w-0 flex-1">
        {title && <p className="font-medium text-ink">{title}</p>}
        <div className="wrap-anywhere text-soft">{children}</div>
      </div>
      {action}
    </div>
  );
}
