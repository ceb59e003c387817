import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import type { ReactNode, RefObject } from 'react';
import { Button } from './button';
import { classNames } from './class-names';

const backdrop =
  'fixed inset-0 z-40 bg-black/65 backdrop-blur-[3px] transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0';
const popup =
  'fixed z-50 border border-line bg-surface shadow-pop transition duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0 ' +
  'inset-x-0 bottom-0 max-h-[92dvh] overflow-y-auto rounded-t-3xl p-5 pb-[max(1.25rem,env(safe-area-inset-bottom))] ' +
  'data-ending-style:translate-y-6 data-starting-style:translate-y-6 ' +
  'sm:inset-x-auto sm:bottom-auto sm:left-1/2 sm:top-1/2 sm:w-[calc(100%-2rem)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl sm:p-6 ' +
  'sm:data-ending-style:-translate-y-1/2 sm:data-starting-style:-translate-y-1/2 sm:data-ending-style:scale-97 sm:data-starting-style:scale-97';

type DialogProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description: string;
  children: ReactNode;
  /** What has the focus first; else the first control. */
  initialFocus?: RefObject<HTMLElement | null>;
};

/** A modal dialog: centred on wide screens, a sheet from below on narrow ones. */
export function Dialog({ open, onOpenChange, title, description, children, initialFocus }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className={backdrop} />
        <Base.Popup className={classNames(popup, 'sm:max-w-xl')} initialFocus={initialFocus}>
          <header className="mb-5 flex items-start gap-4">
            <div className="min-w-0 flex-1">
              <Base.Title className="text-lg font-semibold tracking-tight">{title}</Base.Title>
              <Base.Description className="mt-1 text-sm text-muted">{description}</Base.Description>
            </div>
            <Base.Close
              aria-label="Close"
              className="-mr-2 -mt-1.5 inline-flex size-10 items-center justify-center rounded-xl text-muted hover:bg-hover hover:text-ink"
            >
              <X aria-hidden className="size-5" />
            </Base.Close>
          </header>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

type ConfirmDialogProps = Omit<DialogProps, 'children' | 'initialFocus'> & {
  action: string;
  busy: boolean;
  onConfirm: () => void;
};

/** Asks before something that cannot be taken back. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  return (
    <AlertDialog.Root open={props.open} onOpenChange={props.onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={backdrop} />
        <AlertDialog.Popup className={classNames(popup, 'sm:max-w-md')}>
          <AlertDialog.Title className="text-lg font-semibold tracking-tight">{props.title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 wrap-anywhere text-sm text-soft">
            {props.description}
          </AlertDialog.Description>
          <div className="mt-6 flex flex-col-reverse gap-2 sm:flex-row sm:justify-end">
            <Button onClick={() => props.onOpenChange(false)}>Keep it</Button>
            <Button variant="danger" busy={props.busy} onClick={props.onConfirm}>
              {props.action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
