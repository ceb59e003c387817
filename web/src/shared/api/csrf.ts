let token = '';

/** Keeps the session's CSRF token in memory only: a reload gets it again by GET /auth/session. */
export function setCsrfToken(value: string): void {
  token = value;
}

export function csrfToken(): string {
  return token;
}
