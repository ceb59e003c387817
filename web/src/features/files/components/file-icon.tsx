import {
  File as FileOther,
  FileArchive,
  FileCode,
  FileImage,
  FileMusic,
  FilePlay,
  FileText,
  Disc3,
  BookText,
  type LucideIcon,
} from 'lucide-react';
import { classNames } from '@/shared/ui/class-names';
import { type FileKind, fileKind } from '../lib/file-kind';

const looks: Record<FileKind, { icon: LucideIcon; className: string }> = {
  video: { icon: FilePlay, className: 'text-violet-400' },
  audio: { icon: FileMusic, className: 'text-pink-400' },
  image: { icon: FileImage, className: 'text-sky-400' },
  archive: { icon: FileArchive, className: 'text-amber-400' },
  disk: { icon: Disc3, className: 'text-indigo-300' },
  document: { icon: BookText, className: 'text-rose-300' },
  code: { icon: FileCode, className: 'text-emerald-400' },
  text: { icon: FileText, className: 'text-slate-300' },
  other: { icon: FileOther, className: 'text-slate-400' },
};

export function FileIcon({ mimeType, name }: { mimeType: string; name: string }) {
  const { icon: Icon, className } = looks[fileKind(mimeType, name)];
  return <Icon aria-hidden className={classNames('size-4.5 shrink-0', className)} />;
}
