/**
 * Reads filters as somebody wrote them, and says everything that is wrong with them. What it gives back without an
 * issue is in canonical form and can be compiled.
 */
import type { Issue } from '../../kernel/errors.ts';
import type { JsonValue } from '../../kernel/json.ts';
import { catalogue as standard, schemasOf, type Catalogue } from '../catalogue.ts';
import { checkWhen } from '../expressions/when.ts';
import type { EventFilter } from '../filter.ts';
import { namesAt, stepInto, typesOf, type JsonSchema, type JsonType } from '../json-schema.ts';
import { didYouMean } from '../nearest.ts';
import { MAX_FILTERS, MAX_OPERAND_LENGTH, MAX_PATH_DEPTH, MAX_PATH_LENGTH, MAX_TERMS } from './bounds.ts';
import { ENVELOPE_FIELDS, isEnvelopeField } from './envelope-fields.ts';
import { parsePattern, type EventPattern } from './event-pattern.ts';
import { isOperator, OPERATOR_NAMES, OPERATORS } from './operators.ts';

export interface ParsedFilters {
  readonly filters: readonly EventFilter[];
  /** Empty: nothing is wrong. */
  readonly issues: readonly Issue[];
}

/** Whoever writes nonsense is told so ten times at most. */
const MAX_UNKNOWN_KEYS = 10;

const KEYS = ['event_type', 'type', 'event', 'filter', 'envelope', 'when'] as const;

export const parseFilters = (
  written: unknown,
  path: string,
  catalogue: Catalogue = standard,
): ParsedFilters => {
  const at = (segment: string | number): string => (path === '' ? String(segment) : `${path}.${segment}`);
  if (!Array.isArray(written) || written.length === 0)
    return {
      filters: [],
      issues: [{ path, message: 'must be a list of at least one filter', hint: EXAMPLE }],
    };
  if (written.length > MAX_FILTERS)
    return {
      filters: [],
      issues: [{ path, message: `at most ${MAX_FILTERS} filters, not ${written.length}` }],
    };
  const issues: Issue[] = [];
  const filters = (written as readonly unknown[]).flatMap((filter, index) =>
    parseFilter(filter, at(index), catalogue, issues),
  );
  return { filters, issues };
};

const EXAMPLE = 'for example [{ "event_type": "memory.created" }]';

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parseFilter = (
  written: unknown,
  path: string,
  catalogue: Catalogue,
  issues: Issue[],
): readonly EventFilter[] => {
  if (!isRecord(written)) {
    issues.push({ path, message: 'a filter is an object with an event_type', hint: EXAMPLE });
    return [];
  }
  const unknown = Object.keys(written).filter((key) => !(KEYS as readonly string[]).includes(key));
  for (const key of unknown.slice(0, MAX_UNKNOWN_KEYS)) {
    issues.push({
      path: `${path}.${key}`,
      message: 'a filter has no such key',
      ...hintOf(key, KEYS, 'conditions on the payload stand under `filter`'),
    });
  }
  const pattern = parseEventType(written, path, catalogue, issues);
  const terms = { count: 0 };
  const filter = parseConditions(written['filter'], `${path}.filter`, terms, issues, (field, where) =>
    payloadField(field, where, pattern, catalogue, issues),
  );
  const envelope = parseConditions(written['envelope'], `${path}.envelope`, terms, issues, (field, where) =>
    envelopeField(field, where, issues),
  );
  const when = parseWhen(written['when'], `${path}.when`, pattern, catalogue, issues);
  if (terms.count > MAX_TERMS)
    issues.push({ path, message: `at most ${MAX_TERMS} conditions, not ${terms.count}` });
  if (pattern === undefined) return [];
  return [{ event_type: pattern.text, ...filter('filter'), ...envelope('envelope'), ...when }];
};

const parseEventType = (
  written: { readonly [key: string]: unknown },
  path: string,
  catalogue: Catalogue,
  issues: Issue[],
): EventPattern | undefined => {
  const { event_type: eventType, type, event } = written;
  const key = eventType === undefined && type !== undefined ? 'type' : 'event_type';
  if (eventType !== undefined && type !== undefined)
    issues.push({ path: `${path}.type`, message: '`type` and `event_type` are the same; write one of them' });
  const given = key === 'type' ? type : eventType;
  if (typeof given !== 'string' || given === '') {
    issues.push({
      path: `${path}.${key}`,
      message: 'must be an event type, a family (`memory.*`) or `*`',
      hint: EXAMPLE,
    });
    return undefined;
  }
  if (event !== undefined && typeof event !== 'string')
    issues.push({ path: `${path}.event`, message: 'must be text: the second half of a type' });
  const whole = typeof event === 'string' ? `${given}.${event}` : given;
  const parsed = parsePattern(whole, `${path}.${key}`, catalogue);
  if ('pattern' in parsed) return parsed.pattern;
  issues.push(parsed.issue);
  return undefined;
};

type Conditions = { readonly [path: string]: JsonValue };
type Part = (name: 'filter' | 'envelope') => { readonly filter?: Conditions; readonly envelope?: Conditions };

/** `typesAt` says which types a field may have; undefined: it is not one, and the issue is told. */
const parseConditions = (
  written: unknown,
  path: string,
  terms: { count: number },
  issues: Issue[],
  typesAt: (field: string, path: string) => ReadonlySet<JsonType> | undefined,
): Part => {
  if (written === undefined) return () => ({});
  if (!isRecord(written)) {
    issues.push({
      path,
      message: 'must be an object of conditions by field',
      hint: 'for example { "tag": { "equals": "#important" } }',
    });
    return () => ({});
  }
  const fields = Object.entries(written);
  // Whoever sends fifty thousand terms gets one answer, not fifty thousand.
  if (fields.length > MAX_TERMS) {
    terms.count += fields.length;
    return () => ({});
  }
  for (const [field, condition] of fields) {
    const where = `${path}.${field.slice(0, MAX_PATH_LENGTH)}`;
    const types = typesAt(field, where);
    parseCondition(condition, where, types, terms, issues);
  }
  return (name) => ({ [name]: written as Conditions });
};

const parseCondition = (
  written: unknown,
  path: string,
  types: ReadonlySet<JsonType> | undefined,
  terms: { count: number },
  issues: Issue[],
): void => {
  const conditions = isRecord(written) ? written : { equals: written };
  const names = Object.keys(conditions);
  if (names.length === 0)
    issues.push({ path, message: 'says nothing', hint: `write one of ${OPERATOR_NAMES.join(', ')}` });
  for (const name of names.slice(0, OPERATOR_NAMES.length + 1)) {
    const where = isRecord(written) ? `${path}.${name}` : path;
    if (!isOperator(name)) {
      const hint =
        'the operators are ' +
        OPERATOR_NAMES.join(', ') +
        '; to compare with an object, write { "equals": { … } }';
      issues.push({
        path: where,
        message: `there is no operator \`${name.slice(0, 100)}\``,
        ...hintOf(name, OPERATOR_NAMES, hint),
      });
      continue;
    }
    const operand = conditions[name] as JsonValue | undefined;
    terms.count += name === 'in' && Array.isArray(operand) ? Math.max(operand.length, 1) : 1;
    if (operand === undefined) {
      issues.push({ path: where, message: 'has no value' });
      continue;
    }
    checkOperand(name, operand, where, types, issues);
  }
};

const checkOperand = (
  name: keyof typeof OPERATORS,
  operand: JsonValue,
  path: string,
  types: ReadonlySet<JsonType> | undefined,
  issues: Issue[],
): void => {
  const operator = OPERATORS[name];
  if (sizeOf(operand) > MAX_OPERAND_LENGTH) {
    issues.push({ path, message: `may be ${MAX_OPERAND_LENGTH} characters of JSON` });
    return;
  }
  const wrong = operator.wrongOperand(operand);
  if (wrong !== undefined) {
    issues.push({ path, message: wrong });
    return;
  }
  const needed = operator.fieldTypes(operand);
  if (types === undefined || needed === undefined || needed.some((type) => types.has(type))) return;
  issues.push({
    path,
    message: `\`${name}\` can never hold here: the field is ${[...types].join(' or ')}, this asks for ${needed.join(' or ')}`,
  });
};

const sizeOf = (operand: JsonValue): number =>
  typeof operand === 'string'
    ? operand.length
    : typeof operand === 'object'
      ? JSON.stringify(operand).length
      : 0;

const ANY: ReadonlySet<JsonType> = typesOf([{}]);

const payloadField = (
  field: string,
  path: string,
  pattern: EventPattern | undefined,
  catalogue: Catalogue,
  issues: Issue[],
): ReadonlySet<JsonType> | undefined => {
  const segments = field.split('.');
  if (field.length > MAX_PATH_LENGTH || segments.length > MAX_PATH_DEPTH || segments.includes('')) {
    issues.push({
      path: path.slice(0, 200),
      message: `must be a dotted path of at most ${MAX_PATH_DEPTH} names, ${MAX_PATH_LENGTH} characters`,
    });
    return undefined;
  }
  if (pattern?.types === undefined) return pattern === undefined ? undefined : ANY;
  let schemas: readonly JsonSchema[] = schemasOf(pattern.types, catalogue);
  for (const segment of segments) {
    const next = stepInto(schemas, segment);
    if (next.length === 0) {
      const whose =
        pattern.types.length === 1 ? `${pattern.text} has no` : `no event of ${pattern.text} has a`;
      const known = [...new Set(namesAt(schemas))];
      const hint = known.length === 0 ? undefined : `its fields are ${known.join(', ')}`;
      issues.push({
        path,
        message: `${whose} field \`${segment}\`${segments.length > 1 ? ` at \`${field}\`` : ''}`,
        ...hintOf(segment, known, hint),
      });
      return undefined;
    }
    schemas = next;
  }
  return typesOf(schemas);
};

const envelopeField = (field: string, path: string, issues: Issue[]): ReadonlySet<JsonType> | undefined => {
  if (isEnvelopeField(field)) return ENVELOPE_FIELDS[field].types;
  const names = Object.keys(ENVELOPE_FIELDS);
  issues.push({
    path,
    message: `\`${field}\` is not a field of the envelope that filters may name`,
    ...hintOf(field, names, `they are ${names.join(', ')}`),
  });
  return undefined;
};

const parseWhen = (
  written: unknown,
  path: string,
  pattern: EventPattern | undefined,
  catalogue: Catalogue,
  issues: Issue[],
): { readonly when?: string } => {
  if (written === undefined) return {};
  if (typeof written !== 'string' || written.trim() === '') {
    issues.push({
      path,
      message: 'must be a CEL expression',
      hint: 'for example "size(event.payload.tags) > 1"',
    });
    return {};
  }
  issues.push(...checkWhen(written, pattern?.types, path, catalogue));
  return { when: written };
};

const hintOf = (
  written: string,
  known: Iterable<string>,
  otherwise: string | undefined,
): { readonly hint?: string } =>
  didYouMean(written, known) ?? (otherwise === undefined ? {} : { hint: otherwise });
