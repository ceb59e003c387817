/** Reads the one-time token of a set-up link: it stands behind the #, which browsers never send anywhere. */
export function setupToken(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? '';
}
