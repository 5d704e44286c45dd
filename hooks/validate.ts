import type { Catalogue } from '../src/events/catalogue.ts';
import type { Issue } from '../src/kernel/errors.ts';
import { contentHash } from '../src/kernel/hash.ts';
import type { JsonObject } from '../src/kernel/json.ts';
import { checkAction } from './check/action.ts';
import { checkCombinations } from './check/combinations.ts';
import { checkCondition } from './check/condition.ts';
import { probeHook, type ProbeDeps } from './check/probe.ts';
import { checkTemplates } from './check/templates.ts';
import type { HookDefinition } from './definition.ts';
import { readFrontMatter } from '../src/kernel/front-matter/front-matter.ts';
import type { HookPlace } from './file/inside.ts';
import type { Locator } from '../src/kernel/front-matter/positions.ts';
import { notYetAvailable } from './not-yet.ts';
import { readHook, writtenName, type ReadHook } from './read/hook.ts';

/** A hook as somebody wrote it, read as far as it can be without asking anybody. */
export interface Candidate {
  /** The name it gives itself, if that much can be read. */
  readonly name: string | undefined;
  /** Undefined: there are issues. */
  readonly hook: { readonly definition: HookDefinition; readonly hash: string } | undefined;
  readonly issues: readonly Issue[];
  /** Absolute paths of files beside the hook file that it depends on. */
  readonly watch: readonly string[];
  /** @internal for {@link HookValidator.probe} */
  readonly draft: ReadHook['draft'] | undefined;
  /** @internal */
  readonly locator: Locator | undefined;
}

interface Verdict {
  readonly issues: readonly Issue[];
  /** Every issue is one of the guard's: it is the address that is refused, and nothing else. */
  readonly onlyEgress: boolean;
}

export interface HookValidator {
  /** @param place where the file lives, for scripts beside it and the defaults of its folder */
  readText(source: {
    readonly text: string;
    readonly place: HookPlace;
    readonly worlds: readonly string[];
  }): Promise<Candidate>;
  /** A hook as the API gives it. */
  readObject(input: unknown, worlds: readonly string[]): Promise<Candidate>;
  /** Everything that is wrong: what reading found, and what the sandbox and the guard say. */
  probe(candidate: Candidate): Promise<Verdict>;
}

/** The one judge of hooks: registration refuses with exactly what validation prints. */
export const createHookValidator = (deps: ProbeDeps & { readonly catalogue: Catalogue }): HookValidator => {
  const { catalogue } = deps;

  const judge = (read: ReadHook, locator: Locator | undefined, name: string | undefined): Candidate => {
    const { draft } = read;
    const issues = [
      ...read.issues,
      ...checkCondition(draft, catalogue),
      ...checkCombinations(draft),
      ...(draft.action === undefined ? [] : checkAction(draft.action)),
      ...checkTemplates(draft),
      ...notYetAvailable(draft),
    ];
    const { action } = draft;
    const definition = issues.length === 0 && action !== undefined ? { ...draft, action } : undefined;
    return {
      name,
      hook: definition === undefined ? undefined : { definition, hash: hashOf(definition) },
      issues: locator === undefined ? issues : inOrder(issues.map((issue) => placed(issue, locator))),
      watch: read.watch,
      draft,
      locator,
    };
  };

  return {
    readText: async ({ text, place, worlds }) => {
      const { value, body, issues, locator } = readFrontMatter(text);
      if (issues.length > 0)
        return { name: undefined, hook: undefined, issues, watch: [], draft: undefined, locator: undefined };
      const read = await readHook(value, { catalogue, worlds, file: { place, documentation: body } });
      return judge(read, locator, writtenName(value));
    },
    readObject: async (input, worlds) =>
      judge(await readHook(input, { catalogue, worlds, file: undefined }), undefined, writtenName(input)),
    probe: async ({ draft, issues, locator }) => {
      if (draft === undefined) return { issues, onlyEgress: false };
      const { scripts, urls } = await probeHook(draft, deps, locator);
      const found = [...scripts, ...urls];
      return {
        issues:
          locator === undefined
            ? [...issues, ...found]
            : inOrder([...issues, ...found.map((issue) => placed(issue, locator))]),
        onlyEgress: urls.length > 0 && issues.length + scripts.length === 0,
      };
    },
  };
};

/** The content hash under which a definition is stored. */
export const hashOf = (definition: HookDefinition): string => contentHash(asJson(definition));

/** A definition is JSON: it was read from JSON, and its defaults are. */
export const asJson = (definition: HookDefinition): JsonObject => definition as unknown as JsonObject;

const placed = (issue: Issue, locator: Locator): Issue =>
  issue.line === undefined ? { ...issue, ...locator.locate(issue.path) } : issue;

const inOrder = (issues: readonly Issue[]): readonly Issue[] =>
  issues.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));

/** One line for people: `notify.md:7:5 trigger.evnts: unknown key …; did you mean `events`?` */
export const formatIssue = (file: string, { path, message, hint, line, column }: Issue): string => {
  const where = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const what = path === '' ? message : `${path}: ${message}`;
  return oneLine(hint === undefined ? `${where} ${what}` : `${where} ${what}; ${hint}`);
};

/** Names come from files: a line break in one must not begin a line of its own in a log. */
const oneLine = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029]+/gu, (breaks) => JSON.stringify(breaks).slice(1, -1));
