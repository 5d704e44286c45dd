import type { EgressPolicy } from '../egress/egress.ts';

/** Everything that can be set, as the rest of the program sees it. Read from file, variables and flags by `load.ts` only. */
export interface Config {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute directories. */
  readonly hookDirs: readonly string[];
  /** Given from outside, at least 32 characters; undefined: generated and kept in `<data>/admin.key`. */
  readonly apiKey: string | undefined;
  /** 32 bytes, base64; undefined: generated and kept in `<data>/encryption.key`. */
  readonly encryptionKey: string | undefined;
  readonly surreal: {
    readonly url: string;
    readonly user: string | undefined;
    readonly pass: string | undefined;
    readonly namespace: string;
    readonly database: string;
  };
  readonly temporal: {
    /** Undefined: a managed dev server. */
    readonly address: string | undefined;
    readonly namespace: string;
    /** For the managed server; 0: a free one. */
    readonly port: number;
    readonly uiPort: number;
    /** Where its UI is, when an address is given. */
    readonly uiUrl: string | undefined;
    /** A server program to use instead of finding or fetching one. */
    readonly binary: string | undefined;
  };
  /** Runs that one activity of a drain works; 1: each run has a workflow of its own. */
  readonly dispatchPackMax: number;
  /** Whether Node watches over calls into workflow code (`src/temporal/without-watchdog.ts`). */
  readonly workflowWatchdog: boolean;
  readonly egress: EgressPolicy;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}
