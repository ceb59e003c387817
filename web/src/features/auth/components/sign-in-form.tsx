import { useState } from 'react';
import { Button } from '@/shared/ui/button';
import { Field } from '@/shared/ui/field';
import { Notice } from '@/shared/ui/notice';
import { useSignIn } from '../api/sign-in';
import { Turnstile } from './turnstile';

type SignInFormProps = { siteKey: string; onSignedIn: () => void };

export function SignInForm({ siteKey, onSignedIn }: SignInFormProps) {
  const [captcha, setCaptcha] = useState<string>();
  const signIn = useSignIn();
  const submit = (form: FormData) => {
    signIn.mutate(
      {
        email: text(form, 'email').trim(),
        password: text(form, 'password'),
        ...(captcha !== undefined && { turnstile_token: captcha }),
      },
      { onSuccess: onSignedIn },
    );
  };
  return (
    <form
      aria-label="Sign in"
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        submit(new FormData(event.currentTarget));
      }}
    >
      {signIn.error && (
        <Notice tone="bad" role="alert">
          {signIn.error.message}
        </Notice>
      )}
      <Field label="E-mail" name="email" type="email" autoComplete="username" required maxLength={255} />
      <Field label="Password" name="password" type="password" autoComplete="current-password" required maxLength={255} />
      <Turnstile siteKey={siteKey} onToken={setCaptcha} />
      <Button type="submit" variant="primary" className="mt-2" busy={signIn.isPending}>
        Sign in
      </Button>
    </form>
  );
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}
