import { Dialog } from '@base-ui/react/dialog';
import { Outlet, useLocation, useRouter } from '@tanstack/react-router';
import { Menu } from 'lucide-react';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { toast } from 'sonner';
import { usePolicyPends, useSession } from '@/features/auth/api/get-session';
import { Logo } from '@/shared/ui/logo';
import { ConnectionIndicator } from './connection-indicator';
import { useRealtime } from './realtime';
import { SidebarContent } from './sidebar';

/** The frame of every page for people who are signed in. */
export function Shell() {
  useRealtime();
  useLeaveWhenSessionEnds();
  useLeaveWhenPolicyChanges();
  const main = useFocusOnNavigation();
  return (
    <div className="min-h-dvh lg:pl-64">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:left-4 focus:top-4 focus:z-70 focus:rounded-xl focus:bg-raised focus:px-4 focus:py-2.5"
      >
        Skip to the content
      </a>
      <aside className="fixed inset-y-0 left-0 hidden w-64 border-r border-line bg-sidebar lg:block">
        <SidebarContent />
      </aside>
      <TopBar />
      <main ref={main} id="main" tabIndex={-1} className="aurora mx-auto min-h-[calc(100dvh-3.5rem)] px-4 py-6 outline-none sm:px-6 lg:min-h-dvh lg:px-10 lg:py-9">
        <div className="mx-auto max-w-6xl">
          <Outlet />
        </div>
      </main>
    </div>
  );
}

function TopBar() {
  const [open, setOpen] = useState(false);
  return (
    <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-sidebar/90 px-2 backdrop-blur lg:hidden">
      <Dialog.Root open={open} onOpenChange={setOpen}>
        <Dialog.Trigger
          aria-label="Open the menu"
          className="grid size-11 place-items-center rounded-xl text-soft hover:bg-hover hover:text-ink"
        >
          <Menu aria-hidden className="size-5" />
        </Dialog.Trigger>
        <Dialog.Portal>
          <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/65 transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0" />
          <Dialog.Popup className="fixed inset-y-0 left-0 z-50 w-72 border-r border-line bg-sidebar shadow-pop transition-transform duration-200 data-ending-style:-translate-x-full data-starting-style:-translate-x-full">
            <Dialog.Title className="sr-only">Menu</Dialog.Title>
            <SidebarContent onNavigate={() => setOpen(false)} />
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
      <Logo />
      <div className="ml-auto flex pr-2">
        <ConnectionIndicator />
      </div>
    </header>
  );
}

/** A page that was navigated to is read out from its beginning, and Tab goes on from there. */
function useFocusOnNavigation(): RefObject<HTMLElement | null> {
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const last = useRef(pathname);
  useEffect(() => {
    if (last.current === pathname) return;
    last.current = pathname;
    main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return main;
}

/** When the session ends under an open page, the route's own guard leads to the sign-in page. */
function useLeaveWhenSessionEnds(): void {
  const { data: user } = useSession();
  const router = useRouter();
  const ended = user === null;
  useEffect(() => {
    if (!ended) return;
    toast.info('You are signed out.', { id: 'signed-out' });
    void router.invalidate();
  }, [ended, router]);
}

/** A policy that changes under an open page is accepted first. */
function useLeaveWhenPolicyChanges(): void {
  const pends = usePolicyPends();
  const router = useRouter();
  useEffect(() => {
    if (pends) void router.invalidate();
  }, [pends, router]);
}
