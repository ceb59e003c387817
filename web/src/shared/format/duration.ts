const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** Remaining seconds in at most two units; "" when unknown (the API says -1). */
export function formatEta(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '';
  const whole = Math.ceil(seconds);
  if (whole < minute) return `${whole}s`;
  if (whole < hour) return pair(whole, minute, 'm', 1, 's');
  if (whole < day) return pair(whole, hour, 'h', minute, 'm');
  if (whole < 100 * day) return pair(whole, day, 'd', hour, 'h');
  return 'over 99d';
}

function pair(seconds: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % big) / small);
  const head = `${Math.floor(seconds / big)}${bigName}`;
  return rest === 0 ? head : `${head} ${rest}${smallName}`;
}
