import { useMutation } from '@tanstack/react-query';
import { api, unwrap } from '@/shared/api/client';

export function useRegister() {
  return useMutation({ mutationFn: (body: { email: string; password: string; invite?: string; turnstile_token?: string }) => unwrap(api.POST('/auth/register', { body })) });
}
