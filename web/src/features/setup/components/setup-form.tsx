import { useState } from 'react';
import { ApiError, fieldError } from '@/shared/api/error';
import { Button } from '@/shared/ui/button';
import { Field } from '@/shared/ui/field';
import { missingCharacters, NewPasswordField } from '@/shared/ui/new-password-field';
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
        if (missingCharacters(password, minPassword) === 0) submit();
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
      <NewPasswordField min={minPassword} value={password} error={fieldError(setUp.error, 'password')} onChange={setPassword} />
      <Button type="submit" variant="primary" busy={setUp.isPending || leaving}>
        Create account and sign in
      </Button>
    </form>
  );
}
