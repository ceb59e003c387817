import { useState } from 'react';
import { ApiError } from '@/shared/api/error';
import { Button } from '@/shared/ui/button';
import { Field } from '@/shared/ui/field';
import { Notice } from '@/shared/ui/notice';
import { useSetUp } from '../api/set-up';

type SetupFormProps = {
  token: string;
  minPassword: number;
  /** Signs the new admin in; the form stays busy until it settles. */
  onDone: (email: string, password: string) => Promise<void>;
};

export function SetupForm({ token, minPassword, onDone }: SetupFormProps) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [leaving, setLeaving] = useState(false);
  const setUp = useSetUp();
  const missing = minPassword - Array.from(password).length;

  const submit = () => {
    setUp.mutate(
      { token, email: email.trim(), password },
      {
        onSuccess: () => {
          setLeaving(true);
          void onDone(email.trim(), password).finally(() => setLeaving(false));
        },
      },
    );
  };

  return (
    <form
      aria-label="Create the first admin"
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (missing <= 0) submit();
      }}
    >
      {setUp.error && (
        <Notice tone="bad" role="alert">
          {setUp.error instanceof ApiError ? setUp.error.message : 'Setting up failed. Try again.'}
        </Notice>
      )}
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        maxLength={255}
        value={email}
        error={fieldError(setUp.error, 'email')}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        required
        minLength={minPassword}
        maxLength={71}
        value={password}
        error={fieldError(setUp.error, 'password')}
        hint={passwordHint(password, missing, minPassword)}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" busy={setUp.isPending || leaving}>
        Create account and sign in
      </Button>
    </form>
  );
}

function passwordHint(password: string, missing: number, min: number): string {
  if (password === '') return `At least ${min} characters. A few random words do well.`;
  return missing > 0 ? `${missing} more ${missing === 1 ? 'character' : 'characters'} to go.` : 'Long enough.';
}

function fieldError(error: unknown, name: string): string | undefined {
  return error instanceof ApiError ? error.field(name) : undefined;
}
