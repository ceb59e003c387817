import type { ComponentProps } from 'react';
import { Field } from './field';

type NewPasswordFieldProps = Omit<ComponentProps<typeof Field>, 'label' | 'type' | 'value' | 'hint' | 'onChange'> & {
  label?: string;
  min: number;
  value: string;
  onChange: (value: string) => void;
};

/** A field for a new password that tells how long it still has to become. */
export function NewPasswordField({ label = 'Password', min, value, onChange, ...props }: NewPasswordFieldProps) {
  return (
    <Field
      label={label}
      type="password"
      autoComplete="new-password"
      required
      minLength={min}
      maxLength={71}
      value={value}
      hint={passwordHint(value, min)}
      onChange={(event) => onChange(event.target.value)}
      {...props}
    />
  );
}

/** How many characters are missing: the server counts characters, not UTF-16 units. */
export function missingCharacters(password: string, min: number): number {
  return Math.max(0, min - Array.from(password).length);
}

function passwordHint(password: string, min: number): string {
  if (password === '') return `At least ${min} characters. A few random words do well.`;
  const missing = missingCharacters(password, min);
  return missing > 0 ? `${missing} more ${missing === 1 ? 'character' : 'characters'} to go.` : 'Long enough.';
}
