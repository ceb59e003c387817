import type { JobEvent } from '@/shared/api/types';
import { formatTime, parseTime } from '@/shared/format/when';
import { Card } from '@/shared/ui/card';
import { classNames } from '@/shared/ui/class-names';
import { eventText } from '../lib/event-text';

const shown = 8;

/** The last events, newest first, as the API gives them. */
export function EventTimeline({ events }: { events: readonly JobEvent[] }) {
  return (
    <Card aria-label="History" className="p-5">
      <h2 className="text-sm font-semibold">History</h2>
      {events.length === 0 ? (
        <p className="mt-3 text-[0.8125rem] text-muted">Nothing has happened yet.</p>
      ) : (
        <ol className="mt-4">
          {events.slice(0, shown).map((event, i) => (
            <li key={event.id} className="relative flex gap-3 pb-4 last:pb-0">
              <span aria-hidden className="relative mt-1.5 flex w-2 shrink-0 justify-center">
                <span className={classNames('size-2 rounded-full', i === 0 ? 'bg-accent' : 'bg-edge')} />
                {i < Math.min(shown, events.length) - 1 && <span className="absolute -bottom-5 top-3.5 w-px bg-line" />}
              </span>
              <div className="min-w-0 text-[0.8125rem]">
                <p className="wrap-anywhere text-soft">{eventText(event)}</p>
                <EventTime text={event.created_at} />
              </div>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function EventTime({ text }: { text: string }) {
  const date = parseTime(text);
  if (!date) return null;
  return (
    <time dateTime={date.toISOString()} className="text-xs text-muted">
      {formatTime(date)}
    </time>
  );
}
