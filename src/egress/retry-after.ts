/** A receiver cannot push the next attempt further away than this, ms. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = MONTHS.join('|');

/** The three date forms of RFC 9110, section 5.6.7; a receiver must be able to read all of them. */
const IMF_FIXDATE = new RegExp(
  `^\\w{3}, (?<day>\\d{2}) (?<month>${MONTH}) (?<year>\\d{4}) (?<time>[\\d:]{8}) GMT$`,
);
const RFC_850 = new RegExp(
  `^\\w{6,9}, (?<day>\\d{2})-(?<month>${MONTH})-(?<year>\\d{2}) (?<time>[\\d:]{8}) GMT$`,
);
const ASCTIME = new RegExp(
  `^\\w{3} (?<month>${MONTH}) (?<day>[ \\d]\\d) (?<time>[\\d:]{8}) (?<year>\\d{4})$`,
);

/**
 * How long a receiver's `Retry-After` (RFC 9110, section 10.2.3: seconds, or a date) asks to wait, ms, at most 24 h.
 * Undefined for what says nothing: negative numbers, fractions, words, times that are past.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === '') return undefined;
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1000 : delayUntil(text, nowMs);
  if (delayMs === undefined || delayMs <= 0) return undefined;
  return Math.min(delayMs, MAX_RETRY_AFTER_MS);
}

function delayUntil(text: string, nowMs: number): number | undefined {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups;
  if (groups === undefined) return undefined;
  const { day = '', month = '', year = '', time = '' } = groups;
  const match = /^(\d\d):(\d\d):(\d\d)$/.exec(time);
  if (match === null) return undefined;
  const [hour, minute, second] = match.slice(1).map(Number);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const atMs = Date.UTC(fullYear(year, nowMs), MONTHS.indexOf(month), Number(day), hour, minute, second);
  return Number.isNaN(atMs) ? undefined : atMs - nowMs;
}

/** A two-digit year that seems more than 50 years ahead is of the century before (RFC 9110). */
function fullYear(year: string, nowMs: number): number {
  if (year.length === 4) return Number(year);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const guess = Math.floor(thisYear / 100) * 100 + Number(year);
  return guess > thisYear + 50 ? guess - 100 : guess;
}
