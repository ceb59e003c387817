const maxBytes = 10 * 1024 * 1024;
const startOfDictionary = 'd'.charCodeAt(0);

/** Answers why a file cannot be a .torrent (BEP 3), or null. The server validates all of it. */
export async function torrentFileProblem(file: File): Promise<string | null> {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > maxBytes) return `${file.name} is larger than the 10 MiB a .torrent may have.`;
  const [first] = new Uint8Array(await file.slice(0, 1).arrayBuffer());
  return first === startOfDictionary ? null : `${file.name} is not a .torrent file.`;
}

/** The name a torrent is shown under until the server knows it. */
export function torrentFileTitle(file: File): string {
  return file.name.replace(/\.torrent$/i, '');
}
