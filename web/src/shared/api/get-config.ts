import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, unwrap } from './client';

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: () => unwrap(api.GET('/config')),
  staleTime: 60_000,
});

export function useConfig() {
  return useQuery(configQuery);
}
