import type { Issue } from '../kernel/errors.ts';
import { LIMIT_MESSAGES } from './limits.ts';
import type { LimitName } from './limits.ts';

/**
 * What a server process and a runner process say to each other, as JSON over the IPC channel. A runner works on one
 * job at a time. The server trusts nothing that comes from a runner: a script may have broken out into it.
 */
export type ToRunner =
  | {
      readonly type: 'run';
      readonly job: number;
      readonly source: string;
      readonly name: string;
      /** JSON text. */
      readonly input: string;
      readonly capabilities: readonly string[];
      readonly cpuMs: number;
      readonly memoryMb: number;
    }
  | { readonly type: 'check'; readonly job: number; readonly source: string; readonly name: string }
  /** `reply` is the JSON text of `{ok: true, value}` or `{ok: false, message}`. */
  | { readonly type: 'reply'; readonly job: number; readonly call: number; readonly reply: string };

export type FromRunner =
  | { readonly type: 'ready' }
  /** `args`: the JSON text of an array. */
  | {
      readonly type: 'call';
      readonly job: number;
      readonly call: number;
      readonly name: string;
      readonly args: string;
    }
  | { readonly type: 'log'; readonly job: number; readonly line: string }
  | { readonly type: 'checked'; readonly job: number; readonly issues: readonly Issue[] }
  | { readonly type: 'done'; readonly job: number; readonly outcome: RunOutcome };

export type RunOutcome =
  | { readonly kind: 'returned'; /** JSON text. */ readonly value: string; readonly cpuMs: number }
  | { readonly kind: 'threw'; readonly message: string }
  /** The runner is not to be used again. */
  | { readonly kind: 'exceeded'; readonly limit: LimitName };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const isOutcome = (value: unknown): value is RunOutcome => {
  if (!isRecord(value)) return false;
  switch (value['kind']) {
    case 'returned':
      return typeof value['value'] === 'string' && typeof value['cpuMs'] === 'number';
    case 'threw':
      return typeof value['message'] === 'string';
    case 'exceeded':
      return typeof value['limit'] === 'string' && Object.hasOwn(LIMIT_MESSAGES, value['limit']);
    default:
      return false;
  }
};

const isIssue = (value: unknown): value is Issue =>
  isRecord(value) && typeof value['path'] === 'string' && typeof value['message'] === 'string';

/** Whether it is a message in every part: a runner that a script has taken over can send anything. */
export const isFromRunner = (value: unknown): value is FromRunner => {
  if (!isRecord(value)) return false;
  if (value['type'] === 'ready') return true;
  if (typeof value['job'] !== 'number') return false;
  switch (value['type']) {
    case 'call':
      return (
        typeof value['call'] === 'number' &&
        typeof value['name'] === 'string' &&
        typeof value['args'] === 'string'
      );
    case 'log':
      return typeof value['line'] === 'string';
    case 'checked':
      return Array.isArray(value['issues']) && value['issues'].every(isIssue);
    case 'done':
      return isOutcome(value['outcome']);
    default:
      return false;
  }
};
