/** What one check found. `warn`: it works, and may soon not. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What mends it. */
  readonly mend?: string;
}

export type Judged = Omit<Finding, 'check'>;

export const ok = (detail: string): Judged => ({ state: 'ok', detail });
export const warn = (detail: string, mend: string): Judged => ({ state: 'warn', detail, mend });
export const fail = (detail: string, mend: string): Judged => ({ state: 'fail', detail, mend });
