export type FileKind = 'video' | 'audio' | 'image' | 'archive' | 'disk' | 'document' | 'code' | 'text' | 'other';

const byType: [RegExp, FileKind][] = [
  [/^video\//, 'video'],
  [/^audio\//, 'audio'],
  [/^image\//, 'image'],
  [/iso9660|cd-image|disk-?image|x-raw/, 'disk'],
  [/zip|tar|rar|7z|gzip|bzip|xz|zstd|compressed/, 'archive'],
  [/pdf|epub|msword|officedocument|opendocument|rtf/, 'document'],
  [/json|xml|javascript|html|css|x-sh|x-python/, 'code'],
  [/^text\//, 'text'],
];

const byEnding: [RegExp, FileKind][] = [
  [/\.(mkv|mp4|avi|mov|webm|m4v|ts)$/i, 'video'],
  [/\.(flac|mp3|ogg|opus|m4a|wav|aac)$/i, 'audio'],
  [/\.(iso|img|qcow2|vmdk|dmg)$/i, 'disk'],
  [/\.(zip|rar|7z|tar|gz|bz2|xz|zst|tgz)$/i, 'archive'],
  [/\.(pdf|epub|mobi|djvu|docx?|odt)$/i, 'document'],
  [/\.(txt|nfo|md|srt|sub|log|sfv|sha256)$/i, 'text'],
];

/** What kind of file to draw: by MIME type, else by the ending of the name. */
export function fileKind(mimeType: string, name: string): FileKind {
  return find(byType, mimeType.toLowerCase()) ?? find(byEnding, name) ?? 'other';
}

function find(table: [RegExp, FileKind][], text: string): FileKind | undefined {
  return table.find(([pattern]) => pattern.test(text))?.[1];
}
