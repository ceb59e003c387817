import { useMutation } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';

/** Asks for a link with which a new password can be set. The answer is the same whether the account exists. */
export function useAskForReset() {
  return useMutation({
    mutationFn: (body: { email: string; turnstile_token?: string }) => unwrap(api.POST('/auth/reset', { body })),
  });
}

export function useSetNewPassword() {
  return useMutation({
    mutationFn: (body: { token: string; password: string }) => unwrap(api.POST('/auth/reset/confirm', { body })),
  });
}
