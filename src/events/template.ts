/**
 * Templates: `{{ <CEL> }}` inside the strings of a JSON value. A string that is exactly one template keeps the value's
 * type; within more text, text is put in as it is, null as nothing, and anything else as JSON. `\{{` is a literal `{{`.
 * Keys of objects are not templates.
 */
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { compileTemplateExpression, type TemplateExpression } from './expressions/template-expression.ts';
import { catalogue } from './catalogue.ts';
import { parsePattern } from './filters/event-pattern.ts';
import { scanTemplate } from './template-scan.ts';

/** What is wrong with a template. Names the template, never the value of a secret. */
export class TemplateError extends Error {
  /** Where in the value the string stands: `body.title`; empty: the value itself. */
  readonly path: string;
  /** The template as written, without its braces; cut short. */
  readonly template: string;

  constructor(path: string, template: string, problem: string) {
    const shown = template.length > 200 ? `${template.slice(0, 197)}…` : template;
    super(`template {{ ${shown} }}${path === '' ? '' : ` at ${path}`}: ${problem}`);
    this.name = 'TemplateError';
    this.path = path;
    this.template = shown;
  }
}

/** What templates may name. An absent variable is an error only where a template needs it. */
export interface TemplateScope {
  readonly event?: object;
  readonly inputs?: JsonValue;
  readonly run?: JsonValue;
  readonly steps?: JsonValue;
  readonly hook?: JsonValue;
  readonly webhook?: JsonValue;
  readonly error?: JsonValue;
  readonly attempt?: number;
  /** Called for each `secrets.NAME` at the moment of rendering. Undefined: there is no such secret. */
  readonly secrets?: (name: string) => string | undefined;
}

/** The names that may begin a path in a template, `secrets` apart. */
const TEMPLATE_VARIABLES = [
  'event',
  'inputs',
  'run',
  'steps',
  'hook',
  'webhook',
  'error',
  'attempt',
] as const;

export interface CompiledTemplate {
  /** What the templates name, sorted and each once: `event.payload.id`, `secrets.TOKEN`, `steps.search.results`. */
  readonly references: readonly string[];
  /** False: the value holds no template, and renders as itself. */
  readonly hasTemplates: boolean;
  /** @throws TemplateError where a path is absent, a secret is unknown, or an expression fails */
  render(scope: TemplateScope): JsonValue;
}

export interface TemplateOptions {
  /** Whether `secrets.NAME` may stand in it: only where what is rendered is sent and never stored. */
  readonly allowSecrets: boolean;
  /**
   * The patterns of the filters that choose the events (`memory.created`, `memory.*`, `*`): with them, fields that those
   * events' payloads lack are found at registration. Without them, only what no event has.
   */
  readonly patterns?: readonly string[];
  /** How what a template gives is put into more text, `before` being the text up to there. Default: as it is. */
  readonly embed?: (text: string, before: string) => string;
}

type Render = (scope: TemplateScope) => JsonValue;

/** Nesting that any rendered value may have. */
const MAX_DEPTH = 64;

/** @throws TemplateError for the first template that is not valid; `checkTemplate` gives them all */
export const compileTemplate = (value: JsonValue, options: TemplateOptions): CompiledTemplate => {
  const problems: TemplateError[] = [];
  const compiled = compile(value, options, problems);
  const [first] = problems;
  if (first !== undefined) throw first;
  return compiled;
};

/** All that is wrong with the templates in a value. Empty: nothing. */
export const checkTemplate = (value: JsonValue, options: TemplateOptions): readonly TemplateError[] => {
  const problems: TemplateError[] = [];
  compile(value, options, problems);
  return problems;
};

const compile = (value: JsonValue, options: TemplateOptions, problems: TemplateError[]): CompiledTemplate => {
  const references = new Set<string>();
  const render = compileValue(value, '', 0, {
    options,
    types: typesOfPatterns(options.patterns),
    problems,
    references,
  });
  return {
    references: [...references].sort(),
    hasTemplates: render !== undefined,
    render: render ?? (() => value),
  };
};

const typesOfPatterns = (patterns: readonly string[] = ['*']): readonly string[] | undefined => {
  const types = new Set<string>();
  for (const text of patterns) {
    const parsed = parsePattern(text, '', catalogue);
    if (!('pattern' in parsed) || parsed.pattern.types === undefined) return undefined;
    for (const type of parsed.pattern.types) types.add(type);
  }
  return [...types];
};

interface Compilation {
  readonly options: TemplateOptions;
  /** Undefined: events of any type. */
  readonly types: readonly string[] | undefined;
  readonly problems: TemplateError[];
  readonly references: Set<string>;
}

/** Undefined: there is nothing to render. */
const compileValue = (
  value: JsonValue,
  path: string,
  depth: number,
  into: Compilation,
): Render | undefined => {
  if (typeof value === 'string') return compileString(value, path, into);
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_DEPTH) {
    into.problems.push(new TemplateError(path.slice(0, 100), '', `nested more than ${MAX_DEPTH} levels`));
    return undefined;
  }
  const under = (key: string | number): string => (path === '' ? String(key) : `${path}.${key}`);
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    const renders = items.map((item, index) => compileValue(item, under(index), depth + 1, into));
    if (renders.every((render) => render === undefined)) return undefined;
    return (scope) => items.map((item, index) => renders[index]?.(scope) ?? item);
  }
  const fields = Object.entries(value as JsonObject).map(
    ([key, field]) => [key, field, compileValue(field, under(key), depth + 1, into)] as const,
  );
  if (fields.every(([, , render]) => render === undefined)) return undefined;
  return (scope) =>
    Object.fromEntries(
      fields.map(([key, field, render]) => [key, render === undefined ? field : render(scope)]),
    );
};

const compileString = (source: string, path: string, into: Compilation): Render | undefined => {
  const scanned = scanTemplate(source);
  if ('unclosed' in scanned) {
    into.problems.push(new TemplateError(path, scanned.unclosed, 'is not closed by }}'));
    return undefined;
  }
  const parts = scanned.parts.map((part) =>
    'text' in part ? part.text : compileExpressionPart(part.expression, path, into),
  );
  if (parts.every((part) => typeof part === 'string')) {
    const text = parts.join('');
    return text === source ? undefined : () => text;
  }
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return (scope) => only.evaluate(scope);
  const { embed = (text: string): string => text } = into.options;
  return (scope) =>
    parts.reduce<string>(
      (before, part) =>
        before + (typeof part === 'string' ? part : embed(asText(part.evaluate(scope)), before)),
      '',
    );
};

const asText = (value: JsonValue): string =>
  typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);

interface ExpressionPart {
  readonly evaluate: (scope: TemplateScope) => JsonValue;
}

const compileExpressionPart = (source: string, path: string, into: Compilation): ExpressionPart => {
  const fail = (problem: string): TemplateError => new TemplateError(path, source, problem);
  const compiled = compileTemplateExpression(source, TEMPLATE_VARIABLES, into.types, catalogue);
  if ('problems' in compiled) {
    into.problems.push(...compiled.problems.map(fail));
    return { evaluate: () => null };
  }
  if (compiled.secrets.length > 0 && !into.options.allowSecrets)
    into.problems.push(fail('secrets may not be used here: what is rendered here is kept'));
  for (const reference of compiled.references) into.references.add(reference);
  return { evaluate: (scope) => evaluate(compiled, scope, fail) };
};

const evaluate = (
  expression: TemplateExpression,
  scope: TemplateScope,
  fail: (problem: string) => TemplateError,
): JsonValue => {
  const secrets = new Map<string, string>();
  for (const name of expression.secrets) {
    const secret = scope.secrets?.(name);
    if (secret === undefined) throw fail(`there is no secret ${name}; set CRUCIBLE_HOOK_SECRET_${name}`);
    secrets.set(name, secret);
  }
  const result = expression.evaluate({ ...scope, secrets });
  if ('value' in result) return result.value;
  // What an expression says when it fails may hold what it was computing with.
  throw fail(secrets.size > 0 ? 'cannot be computed' : result.problem);
};
