import { FileDown } from 'lucide-react';
import { useEffect, useState } from 'react';
import { looksLikeMagnet } from '../lib/magnet';
import type { Draft } from './add-download-dialog';

/** Takes a magnet that is pasted, or a .torrent that is dropped, anywhere on the page. */
export function PageDrop({ onDraft }: { onDraft: (draft: Draft) => void }) {
  const [over, setOver] = useState(false);

  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (isEditable(event.target) || !looksLikeMagnet(text)) return;
      event.preventDefault();
      onDraft({ magnet: text.trim() });
    };
    const dragOver = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(true);
    };
    const dragLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      onDraft({ torrent: file });
    };
    const listening = new AbortController();
    const { signal } = listening;
    document.addEventListener('paste', paste, { signal });
    document.addEventListener('dragover', dragOver, { signal });
    document.addEventListener('dragleave', dragLeave, { signal });
    document.addEventListener('drop', drop, { signal });
    return () => listening.abort();
  }, [onDraft]);

  if (!over) return null;
  return (
    <div className="pointer-events-none fixed inset-3 z-60 grid place-items-center rounded-3xl border-2 border-dashed border-accent bg-canvas/85">
      <p className="flex flex-col items-center gap-3 text-lg font-semibold">
        <FileDown aria-hidden className="size-10 text-accent" />
        Drop the .torrent to add it
      </p>
    </div>
  );
}

function isEditable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, [contenteditable]') !== null;
}
