import { expect, test } from 'vitest';
import { fileKind } from './file-kind';

test.each([
  ['video/x-matroska', 'a.mkv', 'video'],
  ['audio/flac', 'a.flac', 'audio'],
  ['image/png', 'a.png', 'image'],
  ['application/zip', 'a.zip', 'archive'],
  ['application/x-iso9660-image', 'a.iso', 'disk'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'a', 'document'],
  ['application/json', 'a', 'code'],
  ['text/html; charset=utf-8', 'a', 'code'],
  ['text/plain; charset=utf-8', 'README', 'text'],
  ['application/octet-stream', 'debian.iso', 'disk'],
  ['', 'Film.MKV', 'video'],
  ['', 'unknown', 'other'],
])('%s %s is %s', (type, name, kind) => {
  expect(fileKind(type, name)).toBe(kind);
});
