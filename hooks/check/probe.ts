import type { Egress } from '../../src/egress/egress.ts';
import { scanTemplate } from '../../src/events/template-scan.ts';
import { isCrucibleError, type Issue } from '../../src/kernel/errors.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { HookAction } from '../definition.ts';
import type { Locator } from '../../src/kernel/front-matter/positions.ts';
import type { ReadHook } from '../read/hook.ts';
import { optional } from '../read/optional.ts';

export interface ProbeDeps {
  readonly sandbox: Pick<Sandbox, 'check'>;
  readonly egress: Pick<Egress, 'check'>;
}

export interface Probed {
  /** What is wrong with its scripts. */
  readonly scripts: readonly Issue[];
  /** What is wrong with where it would send. */
  readonly urls: readonly Issue[];
}

/**
 * Asks the sandbox whether the scripts compile and the guard whether the URL may be reached: what costs more than
 * reading does, and is asked only of a hook that is new or changed.
 */
export const probeHook = async (
  { action, condition }: ReadHook['draft'],
  { sandbox, egress }: ProbeDeps,
  locator: Locator | undefined,
): Promise<Probed> => {
  const scripts = await Promise.all(
    scriptsOf(action, condition.script).map(async (script) => {
      const found = await sandbox.check(script.source, script.file ?? script.path);
      return found.map((issue) => inHookFile(issue, script, locator));
    }),
  );
  const url = action === undefined ? undefined : urlOf(action);
  return { scripts: scripts.flat(), urls: url === undefined ? [] : await checkUrl(url, egress) };
};

interface Script {
  readonly source: string;
  /** Where in the hook it is given. */
  readonly path: string;
  /** Its own file; undefined: it stands in the hook file, or came through the API. */
  readonly file: string | undefined;
}

const scriptsOf = (action: HookAction | undefined, condition: string | undefined): readonly Script[] => {
  const scripts: Script[] = [];
  if (action?.type === 'script') {
    const { source, file } = action;
    scripts.push({ source, file, path: file === undefined ? 'action.source' : 'action.script' });
  }
  if (condition !== undefined) scripts.push({ source: condition, file: undefined, path: 'condition.script' });
  return scripts;
};

/** An issue of a script as one of the hook file: at its own line where that is one of the hook file, else told in words. */
const inHookFile = (issue: Issue, { path, file }: Script, locator: Locator | undefined): Issue => {
  const hint = optional('hint', issue.hint);
  if (issue.line === undefined) return { path, message: issue.message, ...hint };
  const written = { line: issue.line, column: issue.column ?? 1 };
  const here = file === undefined ? locator?.insideBlock(path, written) : undefined;
  if (here !== undefined) return { path, message: issue.message, ...hint, ...here };
  return {
    path,
    message: `${file ?? 'the script'}:${written.line}:${written.column}: ${issue.message}`,
    ...hint,
  };
};

const urlOf = (action: HookAction): string | undefined =>
  action.type === 'http' || action.type === 'webhook' ? action.url : undefined;

/** A URL is checked as far as it is literal; the rest is checked when it is sent. */
const checkUrl = async (url: string, egress: Pick<Egress, 'check'>): Promise<readonly Issue[]> => {
  const path = 'action.url';
  const literal = literalPart(url);
  if (literal === undefined) return [];
  if (typeof literal === 'object') return [{ path, ...literal }];
  try {
    await egress.check(literal);
    return [];
  } catch (error) {
    if (!isCrucibleError(error, 'egress_denied')) throw error;
    return [{ path, message: error.message, ...optional('hint', error.hint) }];
  }
};

/** What of a URL can be checked before its templates are known: undefined, nothing; an object, what is wrong already. */
const literalPart = (url: string): string | { message: string; hint: string } | undefined => {
  const scanned = scanTemplate(url);
  // A template that does not parse is told of elsewhere.
  if ('unclosed' in scanned) return undefined;
  const [first] = scanned.parts;
  const whole = scanned.parts.length === 1;
  const fixed = first !== undefined && 'text' in first ? first.text : '';
  const wrong = { message: 'is not an http or https URL', hint: 'e.g. https://ntfy.example.org/crucible' };
  if (whole && fixed !== '') return /^https?:\/\//i.test(fixed) && URL.canParse(fixed) ? fixed : wrong;
  if (!/^(?:|https?|https?:\/?|https?:\/\/.*)$/is.test(fixed)) return wrong;
  const authorityIsLiteral = /^https?:\/\/[^/?#\\]+[/?#]/i.test(fixed);
  if (!authorityIsLiteral) return undefined;
  return URL.canParse(fixed) ? fixed : wrong;
};
