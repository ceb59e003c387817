import type { ReactNode } from 'react';
import { Logo } from '@/shared/ui/logo';
import { PageTitle } from '@/shared/ui/page-title';

type CenteredPageProps = { title: string; heading: string; intro?: string; children: ReactNode };

/** The frame of pages outside the shell: the mark above a card in the middle. */
export function CenteredPage({ title, heading, intro, children }: CenteredPageProps) {
  return (
    <main className="aurora flex min-h-dvh flex-col items-center justify-center px-4 py-10">
      <PageTitle>{title}</PageTitle>
      <Logo />
      <div className="mt-7 w-full max-w-104 rounded-3xl border border-line bg-surface/85 p-6 shadow-pop sm:p-8">
        <h1 className="text-xl font-semibold tracking-tight">{heading}</h1>
        {intro && <p className="mt-1.5 text-sm leading-6 text-muted">{intro}</p>}
        <div className="mt-6">{children}</div>
      </div>
    </main>
  );
}
