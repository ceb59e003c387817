import { type Ref, useState } from 'react';
import { randomKey } from '@/shared/browser/random-key';
import { Button } from '@/shared/ui/button';
import { TextAreaField } from '@/shared/ui/field';
import type { Submission } from '../api/create-job';
import { checkMagnet } from '../lib/magnet';

export type SubmissionFormProps = {
  busy: boolean;
  /** Why the server refused the last try. */
  refused: string | undefined;
  onEdit: () => void;
  onSubmit: (submission: Submission) => void;
};

type MagnetFormProps = SubmissionFormProps & { initial: string; ref?: Ref<HTMLTextAreaElement> };

export function MagnetForm({ initial, busy, refused, onEdit, onSubmit, ref }: MagnetFormProps) {
  const [link, setLink] = useState(initial);
  const [key, setKey] = useState(randomKey);
  const [left, setLeft] = useState(false);
  const check = checkMagnet(link);
  const typed = link.trim() !== '';
  const complaint = typed && !check.ok && (left || link.length >= 'magnet:?'.length) ? check.reason : undefined;

  return (
    <form
      aria-label="Add by magnet link"
      onSubmit={(event) => {
        event.preventDefault();
        setLeft(true);
        if (!check.ok) return;
        const title = check.name || `Torrent ${check.infohash.slice(0, 8)}…`;
        onSubmit({ key, title, magnet: link.trim(), infohash: check.infohash });
      }}
    >
      <TextAreaField
        ref={ref}
        label="Magnet link"
        rows={5}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        placeholder="magnet:?xt=urn:btih:…"
        className="break-all font-mono text-[0.8125rem] leading-5"
        value={link}
        error={refused ?? complaint}
        hint={check.ok ? foundHint(check.name) : 'Paste it here, or anywhere on the page.'}
        onChange={(event) => {
          setLink(event.target.value);
          setKey(randomKey());
          onEdit();
        }}
        onBlur={() => setLeft(true)}
      />
      <Button type="submit" variant="primary" busy={busy} disabled={!check.ok} className="mt-4 w-full">
        Add download
      </Button>
    </form>
  );
}

function foundHint(name: string): string {
  return name ? `Looks good: ${name}` : 'Looks good. The name comes with the metadata.';
}
