import createClient from 'openapi-fetch';
import { csrfToken, setCsrfToken } from './csrf';
import { toApiError, unreachable } from './error';
import type { paths } from './schema';

const baseUrl = `${location.origin}/api/v1`;
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

let sessionEnded: () => void = () => undefined;
let policyChanged: () => void = () => undefined;

/** Names what happens when the server no longer knows the session. */
export function onSessionEnded(handler: () => void): void {
  sessionEnded = handler;
}

/** Names what happens when the acceptable-use policy is to be accepted anew. */
export function onPolicyChanged(handler: () => void): void {
  policyChanged = handler;
}

/** Every route of the API, typed by openapi.yaml. Pass the promise of a call to `unwrap`. */
export const api = createClient<paths>({ baseUrl, fetch: send });

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Answers the body, or throws an ApiError. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  const refusal = toApiError(response.status, error);
  if (refusal.code === 'aup_required') policyChanged();
  throw refusal;
}

async function send(request: Request): Promise<Response> {
  if (safeMethods.has(request.method)) return deliver(request);
  const again = request.clone();
  const response = await deliver(withToken(request));
  if (response.status !== 403 || !(await isStaleToken(response.clone()))) return response;
  await refreshToken();
  return deliver(withToken(again));
}

async function deliver(request: Request): Promise<Response> {
  const response = await fetch(request).catch(() => {
    throw unreachable();
  });
  if (response.status === 401 && !request.url.startsWith(`${baseUrl}/auth/`)) sessionEnded();
  return response;
}

function withToken(request: Request): Request {
  request.headers.set('X-CSRF-Token', csrfToken());
  return request;
}

/** Another tab may have signed in anew since this one learned its token. */
async function isStaleToken(response: Response): Promise<boolean> {
  return toApiError(response.status, await response.json().catch(() => null)).code === 'csrf_failed';
}

async function refreshToken(): Promise<void> {
  const session = await unwrap(api.GET('/auth/session'));
  setCsrfToken(session.csrf_token);
}
