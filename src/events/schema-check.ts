import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { compileRegex } from './regex.ts';
import { messageOf, type Issue } from '../kernel/errors.ts';
import { canonicalJson, contentHash } from '../kernel/hash.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { schemaProblems } from './schema-bounds.ts';

/** Everything wrong with a value; empty: it fits. */
export type SchemaCheck = (value: JsonValue) => readonly Issue[];

/**
 * `pattern` by the engine that filters use: linear in the text, whatever the expression. Ajv keeps one matcher for each
 * `toString`. `code` is only for schemas that are compiled to files, which ours never are.
 */
const regExp = Object.assign(
  (pattern: string) => ({ test: compileRegex(pattern), toString: () => JSON.stringify(pattern) }),
  { code: 'compileRegex' },
);

const createAjv = (): Ajv2020 => {
  const ajv = new Ajv2020({
    // A keyword that is not one is a mistake of its writer.
    strictSchema: true,
    strictNumbers: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    // 2020-12: a format is a note for people.
    validateFormats: false,
    allErrors: true,
    // `toString` is not a field of every object.
    ownProperties: true,
    addUsedSchema: false,
    logger: false,
    code: { regExp },
  });
  // Ajv's own compares every item with every other one.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must not hold the same item twice' },
    validate: (unique: boolean, items: readonly JsonValue[]) =>
      !unique || new Set(items.map(canonicalJson)).size === items.length,
  });
  return ajv;
};

/** Ajv keeps what it has compiled for as long as it lives, so it lives for so many schemas. */
const SCHEMAS_OF_ONE = 500;
let ajv: Ajv2020 | undefined;
let seen = 0;

const compile = (schema: JsonObject): ValidateFunction => {
  if (seen % SCHEMAS_OF_ONE === 0) ajv = undefined;
  seen += 1;
  ajv ??= createAjv();
  return ajv.compile(schema);
};

/** How many of a value's mistakes are told. */
const MAX_ISSUES = 100;

/** `/items/0/name` (RFC 6901) to `items.0.name`. */
const dotted = (pointer: string): string =>
  pointer.slice(1).split('/').join('.').replaceAll('~1', '/').replaceAll('~0', '~');

const issueOf = ({ instancePath, keyword, params, message = 'does not fit' }: ErrorObject): Issue => {
  const named: unknown = keyword === 'additionalProperties' ? params['additionalProperty'] : undefined;
  const unevaluated: unknown = keyword === 'unevaluatedProperties' ? params['unevaluatedProperty'] : named;
  const path = dotted(instancePath);
  if (typeof unevaluated === 'string')
    return { path: path === '' ? unevaluated : `${path}.${unevaluated}`, message: 'is not a known field' };
  if (keyword === 'enum')
    return { path, message: `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 500)}` };
  if (keyword === 'const') return { path, message: `must be ${JSON.stringify(params['allowedValue'])}` };
  return { path, message };
};

const KEPT = 500;
const compiled = new Map<string, SchemaCheck>();

/**
 * Compiles a JSON Schema (2020-12) that somebody has given.
 * @returns the check, or everything that is wrong with the schema, paths relative to it
 */
export const compileSchema = (schema: JsonObject): SchemaCheck | readonly Issue[] => {
  const problems = schemaProblems(schema);
  if (problems.length > 0) return problems;
  const key = contentHash(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  let validate: ValidateFunction;
  try {
    validate = compile(schema);
  } catch (cause) {
    return [{ path: '', message: `is not a JSON Schema (2020-12) that can be used: ${messageOf(cause)}` }];
  }
  const check: SchemaCheck = (value) =>
    validate(value) ? [] : (validate.errors ?? []).slice(0, MAX_ISSUES).map(issueOf);
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(key, check);
  return check;
};

/**
 * The check of a schema that was judged when it was registered; null or absent: everything fits.
 * @throws Error for a schema that is none
 */
export const checkOf = (schema: JsonObject | null | undefined): SchemaCheck => {
  if (schema === null || schema === undefined) return () => [];
  const check = compileSchema(schema);
  if (typeof check === 'function') return check;
  throw new Error(`a stored schema cannot be used: ${check[0]?.message ?? ''}`);
};
