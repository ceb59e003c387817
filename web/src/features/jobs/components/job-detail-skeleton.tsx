import { Skeleton } from '@/shared/ui/skeleton';

export function JobDetailSkeleton() {
  return (
    <div role="status" aria-label="Loading the download" className="grid gap-4">
      <div className="rounded-2xl border border-line bg-surface p-6">
        <Skeleton className="h-7 w-2/3" />
        <Skeleton className="mt-6 h-3 w-full rounded-full" />
        <Skeleton className="mt-4 h-4 w-1/2" />
      </div>
      <div className="rounded-2xl border border-line bg-surface p-6">
        {[0, 1, 2, 3].map((row) => (
          <Skeleton key={row} className="mb-4 h-5 w-full last:mb-0" />
        ))}
      </div>
    </div>
  );
}
