/** A magnet link as far as the page needs it, or the reason why it is none. */
export type MagnetCheck = { ok: true; infohash: string; name: string } | { ok: false; reason: string };

const maxBytes = 64 * 1024;
const hexHash = /^[0-9a-f]{40}$/i;
const base32Hash = /^[a-z2-7]{32}$/i;

/** Checks what can be checked at once (BEP 9); the server has the last word. */
export function checkMagnet(text: string): MagnetCheck {
  const link = text.trim();
  if (!looksLikeMagnet(link)) return refuse('A magnet link begins with “magnet:?”.');
  if (new TextEncoder().encode(link).length > maxBytes) return refuse('This magnet link is longer than 64 KiB.');
  const params = new URLSearchParams(link.slice('magnet:?'.length));
  const topics = params.getAll('xt').map((topic) => topic.toLowerCase());
  const infohash = topics.find((topic) => topic.startsWith('urn:btih:'))?.slice('urn:btih:'.length);
  if (infohash === undefined) return refuse(missingTopic(topics));
  if (!hexHash.test(infohash) && !base32Hash.test(infohash)) {
    return refuse('The infohash after “urn:btih:” must have 40 hexadecimal digits or 32 base32 letters.');
  }
  return { ok: true, infohash, name: params.get('dn')?.trim() ?? '' };
}

export function looksLikeMagnet(text: string): boolean {
  return /^\s*magnet:\?/i.test(text);
}

function missingTopic(topics: string[]): string {
  if (topics.some((topic) => topic.startsWith('urn:btmh:'))) {
    return 'This link names a version 2 torrent only; one with a version 1 infohash (urn:btih) is needed.';
  }
  return 'This link names no torrent: “xt=urn:btih:…” is missing.';
}

function refuse(reason: string): MagnetCheck {
  return { ok: false, reason };
}
