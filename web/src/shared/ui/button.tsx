import { LoaderCircle } from 'lucide-react';
import type { ComponentProps } from 'react';
import { classNames } from './class-names';

type Variant = 'primary' | 'secondary' | 'ghost' | 'danger';
type Size = 'sm' | 'md';

const variants: Record<Variant, string> = {
  primary:
    'bg-linear-to-r from-accent-strong to-violet text-white shadow-glow hover:brightness-115 active:brightness-95 disabled:shadow-none',
  secondary: 'border border-line bg-raised text-ink hover:border-edge hover:bg-hover',
  ghost: 'text-soft hover:bg-hover hover:text-ink',
  danger: 'border border-bad/40 bg-bad/10 text-bad hover:bg-bad/20',
};

const sizes: Record<Size, string> = {
  sm: 'h-9 gap-1.5 px-3 text-[0.8125rem]',
  md: 'h-10.5 gap-2 px-4 text-sm',
};

/** The look of a button, for links that act like one. */
export function buttonClass(variant: Variant = 'secondary', size: Size = 'md', className?: string): string {
  return classNames(
    'inline-flex shrink-0 select-none items-center justify-center rounded-xl font-medium transition',
    'disabled:pointer-events-none disabled:opacity-55',
    variants[variant],
    sizes[size],
    className,
  );
}

type ButtonProps = ComponentProps<'button'> & { variant?: Variant; size?: Size; busy?: boolean };

export function Button({ variant, size, busy = false, className, children, disabled, ...props }: ButtonProps) {
  return (
    <button
      type="button"
      className={buttonClass(variant, size, className)}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      {...props}
    >
      {busy && <LoaderCircle aria-hidden className="size-4 animate-spin" />}
      {children}
    </button>
  );
}

type IconButtonProps = Omit<ComponentProps<'button'>, 'aria-label' | 'title'> & {
  label: string;
  tone?: 'plain' | 'danger';
};

/** A button with an icon only: its label is its accessible name and tooltip. */
export function IconButton({ label, tone = 'plain', className, children, ...props }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classNames(
        'inline-flex size-10 shrink-0 items-center justify-center rounded-xl text-muted transition hover:bg-hover',
        'disabled:pointer-events-none disabled:opacity-45 [&>svg]:size-4.5',
        tone === 'danger' ? 'hover:text-bad' : 'hover:text-ink',
        className,
      )}
      {...props}
    >
      {children}
    </button>
  );
}
