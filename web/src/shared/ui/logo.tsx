import { classNames } from './class-names';

/** The mark alone is decoration; the word beside it is what is read out. */
export function Logo({ className }: { className?: string }) {
  return (
    <span className={classNames('inline-flex items-center gap-2.5', className)}>
      <img src="/favicon.svg" alt="" width={30} height={30} className="size-7.5" />
      <span className="text-[1.0625rem] font-semibold tracking-tight">Longshore</span>
    </span>
  );
}
