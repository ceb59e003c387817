import { useState } from 'react';
import { fieldError } from '@/shared/api/error';
import { Button } from '@/shared/ui/button';
import { missingCharacters, NewPasswordField } from '@/shared/ui/new-password-field';
import { Notice } from '@/shared/ui/notice';
import { useSetNewPassword } from '../api/reset-password';

type NewPasswordFormProps = { token: string; minPassword: number; onDone: () => void };

export function NewPasswordForm({ token, minPassword, onDone }: NewPasswordFormProps) {
  const [password, setPassword] = useState('');
  const set = useSetNewPassword();
  return (
    <form
      aria-label="Set a new password"
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (missingCharacters(password, minPassword) === 0) set.mutate({ token, password }, { onSuccess: onDone });
      }}
    >
      {set.error && (
        <Notice tone="bad" role="alert">
          {set.error.message}
        </Notice>
      )}
      <NewPasswordField label="New password" min={minPassword} value={password} error={fieldError(set.error, 'password')} onChange={setPassword} />
      <Button type="submit" variant="primary" busy={set.isPending}>
        Set the password
      </Button>
    </form>
  );
}
