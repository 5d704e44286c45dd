import type { Issue } from '../../src/kernel/errors.ts';
import type { HookDefinition } from '../definition.ts';
import type { HookRow } from '../registry/row.ts';
import type { Candidate } from '../validate.ts';

/** What the hook directory asks of the registry. */
export interface FileHooks {
  /** Reads a hook file's text: what is wrong with it as far as that is seen without asking anybody. */
  readFile(source: {
    readonly text: string;
    readonly root: string;
    /** Relative to `root`. */ readonly file: string;
  }): Promise<Candidate>;
  /** Everything that is wrong with it, the sandbox and the guard asked too. */
  probeFile(candidate: Candidate): Promise<readonly Issue[]>;
  /** Every registered hook, in the order of names. */
  storedHooks(): Promise<readonly HookRow[]>;
  /** @throws CrucibleError `already_exists`: the name is that of a hook made through the API */
  registerFile(
    hook: { readonly definition: HookDefinition; readonly hash: string },
    file: string,
  ): Promise<void>;
  unregisterFile(name: string): Promise<void>;
  /** Keeps and tells what is wrong with a file; `hook` is the one whose last good version runs on. Empty: right again. */
  reportFile(file: string, hook: string | undefined, issues: readonly Issue[]): Promise<void>;
}
