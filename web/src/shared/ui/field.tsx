import { type ComponentProps, type ReactNode, useId } from 'react';
import { classNames } from './class-names';

type FieldProps = Omit<ComponentProps<'input'>, 'id'> & {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
};

const inputClass =
  'w-full rounded-xl border bg-canvas/60 px-3.5 text-base text-ink transition placeholder:text-muted/75 sm:text-sm ' +
  'hover:border-edge focus:border-accent focus:outline-2 focus:outline-offset-0 focus:outline-accent/40';

/** A labelled input with its hint and error read out with it. */
export function Field({ label, hint, error, className, ...props }: FieldProps) {
  const id = useId();
  const noteId = `${id}-note`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-soft">
        {label}
      </label>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? noteId : undefined}
        className={classNames(inputClass, 'h-11', error ? 'border-bad/70' : 'border-line', className)}
        {...props}
      />
      {(error ?? hint) && <FieldNote id={noteId} error={error} hint={hint} />}
    </div>
  );
}

type TextAreaProps = Omit<ComponentProps<'textarea'>, 'id'> & Pick<FieldProps, 'label' | 'hint' | 'error'>;

export function TextAreaField({ label, hint, error, className, ...props }: TextAreaProps) {
  const id = useId();
  const noteId = `${id}-note`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-soft">
        {label}
      </label>
      <textarea
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? noteId : undefined}
        className={classNames(inputClass, 'resize-none py-2.5', error ? 'border-bad/70' : 'border-line', className)}
        {...props}
      />
      <FieldNote id={noteId} error={error} hint={hint} />
    </div>
  );
}

function FieldNote({ id, error, hint }: { id: string; error: string | undefined; hint: ReactNode }) {
  return (
    <p id={id} aria-live="polite" className={classNames('min-h-5 text-[0.8125rem]', error ? 'text-bad' : 'text-muted')}>
      {error ?? hint}
    </p>
  );
}
