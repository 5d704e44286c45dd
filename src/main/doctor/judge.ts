import { fail, ok, warn, type Judged } from './finding.ts';

/** Decisions of the doctor, apart from how the facts are found. */

const NODE_MAJOR = 24;

/** @param version such as `v24.21.0` */
export const judgeNode = (version: string): Judged =>
  Number(/^v?(\d+)/.exec(version)?.[1] ?? 0) >= NODE_MAJOR
    ? ok(version)
    : fail(
        `${version} is too old`,
        `Use Node ${NODE_MAJOR}, or start Crucible with npm start or npx crucible.`,
      );

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const inWords = (bytes: number): string =>
  bytes < GIB ? `${Math.floor(bytes / MIB)} MiB free` : `${Math.floor(bytes / GIB)} GiB free`;

/** Under 16 MiB the supervisor starts no server. */
export const judgeDisk = (freeBytes: number): Judged => {
  const mend = 'Make room on the disk of the data directory, or move it (CRUCIBLE_DATA_DIR).';
  if (freeBytes < 16 * MIB) return fail(inWords(freeBytes), mend);
  return freeBytes < GIB ? warn(inWords(freeBytes), mend) : ok(inWords(freeBytes));
};

const SLACK_MS = 60_000;

/** A clock that was put back makes ids and leases of before lie in the future. @param newestMs of what we have written */
export const judgeClock = (nowMs: number, newestMs: number, builtMs: number): Judged => {
  const now = new Date(nowMs).toISOString();
  const mend = 'Set the clock, by NTP for example (timedatectl set-ntp true).';
  if (nowMs + SLACK_MS < builtMs) return fail(`${now} is before this release was made`, mend);
  if (nowMs + SLACK_MS < newestMs)
    return fail(`${now} is before ${new Date(newestMs).toISOString()}, when the data was last written`, mend);
  return ok(now);
};

/** Whether others than the owner may read it. @param mode as `stat` gives it */
export const judgeMode = (path: string, mode: number): Judged =>
  (mode & 0o077) === 0
    ? ok(path)
    : warn(`${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, `chmod 700 ${path}`);

/** Ranges that open everything at once. */
const OPEN_RANGES: ReadonlySet<string> = new Set(['0.0.0.0/0', '::/0']);

export const judgeEgress = (allow: readonly string[], resolves: boolean): Judged => {
  const open = allow.filter((range) => OPEN_RANGES.has(range));
  if (open.length > 0)
    return warn(
      `hooks and webhooks may reach every private address (${open.join(', ')})`,
      'Name the ranges that are needed in egress_allow.',
    );
  return resolves
    ? ok('names of the internet are resolved')
    : warn(
        'names of the internet are not resolved',
        'Hooks and webhooks reach addresses only: check the DNS of this machine.',
      );
};
