import type { Issue } from '../kernel/errors.ts';
import type { JsonValue } from '../kernel/json.ts';

export interface ScriptRequest {
  /** JavaScript whose default export is an async function `(input, crucible) => result`. */
  readonly source: string;
  /** Shown in errors; never a host path. */
  readonly name: string;
  readonly input: JsonValue;
  /** What `crucible` offers: dotted names (`http.fetch`, `log`) to functions of JSON arguments. */
  readonly capabilities: Readonly<Record<string, (args: readonly JsonValue[]) => Promise<JsonValue>>>;
  /** Wall clock; the runner process is killed when it is over. */
  readonly timeoutMs: number;
  /** Default 200. */
  readonly cpuMs?: number;
  /** Default 32. */
  readonly memoryMb?: number;
  readonly signal?: AbortSignal;
}

export type ScriptResult =
  | {
      readonly kind: 'returned';
      readonly value: JsonValue;
      readonly log: readonly string[];
      readonly cpuMs: number;
    }
  /** The script's own fault: it threw, or did not compile. */
  | { readonly kind: 'threw'; readonly message: string; readonly log: readonly string[] }
  /** It used more than it may: `timeout`, `cpu`, `memory`, `result_size`, `log_size`. */
  | {
      readonly kind: 'exceeded';
      readonly limit: string;
      readonly message: string;
      readonly log: readonly string[];
    }
  /** The runner process died or was aborted; not the script's fault as far as we know. */
  | { readonly kind: 'lost'; readonly message: string };

/** Runs untrusted JavaScript in isolated-vm inside separate, reusable processes. */
export interface Sandbox {
  /** Whether it compiles and exports a function; empty: yes. Runs none of it. */
  check(source: string, name: string): Promise<readonly Issue[]>;
  run(request: ScriptRequest): Promise<ScriptResult>;
  close(): Promise<void>;
}
