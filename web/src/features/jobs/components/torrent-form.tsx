import { FileCheck2, FileUp } from 'lucide-react';
import { useEffect, useId, useState } from 'react';
import { randomKey } from '@/shared/browser/random-key';
import { formatBytes } from '@/shared/format/bytes';
import { Button } from '@/shared/ui/button';
import { classNames } from '@/shared/ui/class-names';
import { torrentFileProblem, torrentFileTitle } from '../lib/torrent-file';
import type { SubmissionFormProps } from './magnet-form';

type Chosen = { file: File; key: string; problem: string | null };

export function TorrentForm({ initial, busy, refused, onEdit, onSubmit }: SubmissionFormProps & { initial: File | undefined }) {
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const noteId = useId();

  const choose = async (file: File) => {
    onEdit();
    setChosen({ file, key: randomKey(), problem: await torrentFileProblem(file) });
  };
  useEffect(() => {
    if (!initial) return;
    void torrentFileProblem(initial).then((problem) => setChosen({ file: initial, key: randomKey(), problem }));
  }, [initial]);

  const problem = refused ?? chosen?.problem;
  return (
    <form
      aria-label="Add by torrent file"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen) onSubmit({ key: chosen.key, title: torrentFileTitle(chosen.file), torrent: chosen.file });
      }}
    >
      <FilePicker chosen={chosen} noteId={noteId} onChoose={(file) => void choose(file)} />
      <p id={noteId} aria-live="polite" className={classNames('mt-1.5 min-h-5 text-[0.8125rem]', problem ? 'text-bad' : 'text-muted')}>
        {problem ?? 'At most 10 MiB.'}
      </p>
      <Button
        type="submit"
        variant="primary"
        busy={busy}
        disabled={chosen?.problem !== null}
        className="mt-4 w-full"
      >
        Add download
      </Button>
    </form>
  );
}

type FilePickerProps = { chosen: Chosen | null; noteId: string; onChoose: (file: File) => void };

function FilePicker({ chosen, noteId, onChoose }: FilePickerProps) {
  const Icon = chosen ? FileCheck2 : FileUp;
  return (
    <label
      className={classNames(
        'flex min-h-41 cursor-pointer flex-col items-center justify-center gap-2 rounded-xl p-6 text-center transition',
        'border border-dashed border-edge bg-canvas/50 hover:border-accent hover:bg-accent/5',
        'focus-within:outline-2 focus-within:outline-accent',
      )}
    >
      <input
        type="file"
        accept=".torrent,application/x-bittorrent"
        aria-describedby={noteId}
        className="sr-only"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onChoose(file);
          event.target.value = '';
        }}
      />
      <Icon aria-hidden className="size-7 text-accent" />
      <span className="max-w-full wrap-anywhere text-sm font-medium">
        {chosen ? chosen.file.name : 'Choose a .torrent file'}
      </span>
      <span className="text-[0.8125rem] text-muted">
        {chosen ? `${formatBytes(chosen.file.size)} · choose another` : 'or drop it anywhere on the page'}
      </span>
    </label>
  );
}
