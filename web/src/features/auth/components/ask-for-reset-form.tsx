import { useState } from 'react';
import { Button } from '@/shared/ui/button';
import { Field } from '@/shared/ui/field';
import { Notice } from '@/shared/ui/notice';
import { useAskForReset } from '../api/reset-password';
import { Turnstile } from './turnstile';

export function AskForResetForm({ siteKey }: { siteKey: string }) {
  const [email, setEmail] = useState('');
  const [captcha, setCaptcha] = useState<string>();
  const ask = useAskForReset();
  if (ask.isSuccess) {
    return (
      <Notice tone="info" role="status" title="Look into your mail">
        If there is an account with this address, a link to set a new password is on its way.
      </Notice>
    );
  }
  return (
    <form
      aria-label="Reset the password"
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        ask.mutate({ email: email.trim(), ...(captcha !== undefined && { turnstile_token: captcha }) });
      }}
    >
      {ask.error && (
        <Notice tone="bad" role="alert">
          {ask.error.message}
        </Notice>
      )}
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        maxLength={255}
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Turnstile siteKey={siteKey} onToken={setCaptcha} />
      <Button type="submit" variant="primary" busy={ask.isPending}>
        Send the link
      </Button>
    </form>
  );
}
