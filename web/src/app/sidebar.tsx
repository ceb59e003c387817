import { Link } from '@tanstack/react-router';
import { CloudDownload, LogOut } from 'lucide-react';
import { useSession } from '@/features/auth/api/get-session';
import { useSignOut } from '@/features/auth/api/sign-out';
import { Logo } from '@/shared/ui/logo';
import { IconButton } from '@/shared/ui/button';
import { toastError } from '@/shared/ui/toast';
import { ConnectionIndicator } from './connection-indicator';

const pages = [{ to: '/dashboard', label: 'Downloads', icon: CloudDownload }] as const;

/** What the sidebar holds, on wide screens and in the drawer of narrow ones. */
export function SidebarContent({ onNavigate }: { onNavigate?: () => void }) {
  return (
    <div className="flex h-full flex-col gap-6 p-4">
      <Link to="/dashboard" onClick={onNavigate} aria-label="Longshore, to the downloads" className="rounded-lg px-2 pt-1.5">
        <Logo />
      </Link>
      <nav aria-label="Main">
        <ul className="grid gap-1">
          {pages.map(({ to, label, icon: Icon }) => (
            <li key={to}>
              <Link
                to={to}
                onClick={onNavigate}
                className="flex h-11 items-center gap-3 rounded-xl px-3 text-sm font-medium text-soft transition hover:bg-hover hover:text-ink data-[status=active]:bg-accent/14 data-[status=active]:text-ink"
              >
                <Icon aria-hidden className="size-4.5 text-accent" />
                {label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="mt-auto grid grid-cols-1 gap-3">
        <div className="px-3">
          <ConnectionIndicator />
        </div>
        <Account />
      </div>
    </div>
  );
}

function Account() {
  const { data: user } = useSession();
  const signOut = useSignOut();
  if (!user) return null;
  return (
    <div className="flex items-center gap-3 rounded-2xl border border-line bg-surface p-2.5">
      <span
        aria-hidden
        className="grid size-9 shrink-0 place-items-center rounded-xl bg-linear-to-br from-accent-strong to-violet text-sm font-semibold uppercase text-white"
      >
        {user.email.slice(0, 1)}
      </span>
      <div className="min-w-0 flex-1">
        <p className="truncate text-[0.8125rem] font-medium" title={user.email}>
          {user.email}
        </p>
        <p className="text-xs capitalize text-muted">{user.role === 'admin' ? 'Admin' : `${user.plan} plan`}</p>
      </div>
      <IconButton
        label="Sign out"
        disabled={signOut.isPending}
        onClick={() => signOut.mutate(undefined, { onError: (error) => toastError(error) })}
      >
        <LogOut aria-hidden />
      </IconButton>
    </div>
  );
}
