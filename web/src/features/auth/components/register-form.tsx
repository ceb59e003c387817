import { useState } from 'react';
import { fieldError } from '@/shared/api/error';
import type { Config } from '@/shared/api/types';
import { Button } from '@/shared/ui/button';
import { Field } from '@/shared/ui/field';
import { missingCharacters, NewPasswordField } from '@/shared/ui/new-password-field';
import { Notice } from '@/shared/ui/notice';
import { useRegister } from '../api/register';
import { Turnstile } from './turnstile';

type RegisterFormProps = { config: Config; invite: string; onDone: (email: string) => void };

export function RegisterForm({ config, invite: given, onDone }: RegisterFormProps) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [invite, setInvite] = useState(given);
  const [captcha, setCaptcha] = useState<string>();
  const register = useRegister();
  const min = config.limits.password_length;

  const submit = () => {
    register.mutate(
      {
        email: email.trim(),
        password,
        ...(invite.trim() !== '' && { invite: invite.trim() }),
        ...(captcha !== undefined && { turnstile_token: captcha }),
      },
      { onSuccess: () => onDone(email.trim()) },
    );
  };

  return (
    <form
      aria-label="Create an account"
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (missingCharacters(password, min) === 0) submit();
      }}
    >
      {register.error && (
        <Notice tone="bad" role="alert">
          {register.error.message}
        </Notice>
      )}
      {config.registration === 'invite' && (
        <Field
          label="Invite code"
          required
          maxLength={100}
          autoComplete="off"
          value={invite}
          error={fieldError(register.error, 'invite')}
          onChange={(event) => setInvite(event.target.value)}
        />
      )}
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        maxLength={255}
        value={email}
        error={fieldError(register.error, 'email')}
        onChange={(event) => setEmail(event.target.value)}
      />
      <NewPasswordField min={min} value={password} error={fieldError(register.error, 'password')} onChange={setPassword} />
      <Turnstile siteKey={config.turnstile_site_key} onToken={setCaptcha} />
      <Button type="submit" variant="primary" busy={register.isPending}>
        Create account
      </Button>
    </form>
  );
}
