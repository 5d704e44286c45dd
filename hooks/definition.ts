import type { EventFilter } from '../src/events/filter.ts';
import type { JsonObject, JsonValue } from '../src/kernel/json.ts';

/** What a hook file says, with every default filled in. The JSON of it is stored under its content hash. */
export interface HookDefinition {
  /** Also the id: `[a-z0-9-]`, unique. */
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly enabled: boolean;
  readonly worlds: readonly string[];
  readonly trigger: {
    readonly timing: 'pre' | 'post';
    readonly phase: 'transform' | 'validate';
    readonly order: number;
    readonly events: readonly EventFilter[];
  };
  readonly condition: {
    readonly when?: string;
    /** JavaScript, run inside the run; false: skipped. */
    readonly script?: string;
    readonly timeout_ms: number;
  };
  readonly action: HookAction;
  readonly permissions: readonly string[];
  readonly options: HookOptions;
  readonly tests: readonly { readonly event: JsonObject; readonly expect: JsonObject }[];
  /** The Markdown below the front matter. */
  readonly documentation: string;
}

export type HookAction =
  /** `source` is the script itself, also where the file named `script: file.js`; `file` is that name, for messages. */
  | { readonly type: 'script'; readonly source: string; readonly file?: string; readonly inputs?: JsonValue }
  | {
      readonly type: 'shell';
      /** Runs without a shell; templates are single arguments. */
      readonly command?: readonly string[];
      /** Runs by `/bin/sh`; no templates in it. */
      readonly shell?: string;
      /** Absolute, within the hook directory. */
      readonly cwd?: string;
      readonly env?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'http';
      readonly method: string;
      readonly url: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: JsonValue;
    }
  | { readonly type: 'flow'; readonly flow: string; readonly inputs?: JsonObject; readonly wait: boolean }
  | {
      readonly type: 'webhook';
      readonly webhook?: string;
      readonly url?: string;
      readonly auth?: JsonObject;
    };

export interface RetryOptions {
  readonly max_attempts: number;
  readonly backoff: 'fixed' | 'linear' | 'exponential';
  readonly initial_ms: number;
  readonly max_ms: number;
}

export interface HookOptions {
  readonly timeout_ms: number;
  readonly retry: RetryOptions;
  readonly on_error?: 'allow' | 'block';
  readonly async: boolean;
  readonly debounce?: {
    readonly wait_ms: number;
    readonly max_wait_ms?: number;
    readonly key?: string;
    readonly deliver: 'first' | 'last';
  };
  readonly rate_limit?: {
    readonly limit: number;
    readonly period_ms: number;
    readonly on_limit: 'queue' | 'drop';
  };
  readonly concurrency?: {
    readonly limit: number;
    readonly key?: string;
    readonly mode: 'queue' | 'skip' | 'cancel';
  };
  readonly alert_after?: number;
  readonly trace: boolean;
}
