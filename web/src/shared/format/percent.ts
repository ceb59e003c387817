/** Whole per cent of done in size, and 100 only when all is done. */
export function percent(done: number, size: number): number {
  if (size <= 0) return 0;
  return Math.max(0, Math.min(100, Math.floor((done / size) * 100)));
}
