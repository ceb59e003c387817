import { classNames } from './class-names';

type Tone = 'active' | 'good' | 'still' | 'bad';

const fills: Record<Tone, string> = {
  active: 'bg-linear-to-r from-accent-strong via-accent to-lilac',
  good: 'bg-good',
  still: 'bg-edge',
  bad: 'bg-bad/70',
};

type ProgressBarProps = {
  label: string;
  /** 0 to 100; null while the end is not known. */
  value: number | null;
  text: string;
  tone?: Tone;
  className?: string;
};

export function ProgressBar({ label, value, text, tone = 'active', className }: ProgressBarProps) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value ?? undefined}
      aria-valuetext={text}
      className={classNames('relative h-2 overflow-hidden rounded-full bg-hover', className)}
    >
      {value === null ? (
        <div className="absolute inset-y-0 w-1/3 animate-slide rounded-full bg-linear-to-r from-transparent via-accent to-transparent" />
      ) : (
        <div
          className={classNames(
            'h-full origin-left rounded-full transition-[width] duration-700 ease-out',
            fills[tone],
          )}
          style={{ width: `${value}%` }}
        />
      )}
    </div>
  );
}
