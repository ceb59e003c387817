/** Reads the one-time token of a link: it stands behind the #, which browsers never send anywhere. */
export function linkToken(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? '';
}
