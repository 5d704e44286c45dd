import type { z } from 'zod';
import type { Issue } from '../kernel/errors.ts';

type Kind = 'number' | 'boolean' | 'array' | 'text';

/** What a field is under its defaults and options. Only the words matter here: the schema itself checks the value. */
const kindOf = (schema: z.core.$ZodType): { readonly kind: Kind; readonly element?: z.core.$ZodType } => {
  const { _zod: core } = schema;
  const { def } = core;
  if ('innerType' in def) return kindOf(def.innerType as z.core.$ZodType);
  if (def.type === 'array' && 'element' in def)
    return { kind: 'array', element: def.element as z.core.$ZodType };
  if (def.type === 'number' || def.type === 'int') return { kind: 'number' };
  return { kind: def.type === 'boolean' ? 'boolean' : 'text' };
};

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** A text that is no such value stays a text, so that the schema refuses it in its own words. */
const read = (kind: Kind, text: string): unknown => {
  if (kind === 'number') return NUMBER.test(text) ? Number(text) : text;
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
};

/**
 * The fields of a query string, each read as the schema says it is. Lists may be repeated (`types=a&types=b`) or joined by
 * commas. Fields that the schema does not have are handed on as they are: it refuses them.
 */
export const readQuery = (
  search: URLSearchParams,
  shape: Readonly<Record<string, z.core.$ZodType>>,
): { readonly fields: Readonly<Record<string, unknown>>; readonly issues: readonly Issue[] } => {
  const entries: [string, unknown][] = [];
  const issues: Issue[] = [];
  for (const name of new Set(search.keys())) {
    const values = search.getAll(name);
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const { kind, element } = schema === undefined ? { kind: 'text' as const } : kindOf(schema);
    if (kind === 'array') {
      const { kind: each } = element === undefined ? { kind: 'text' as const } : kindOf(element);
      entries.push([name, values.flatMap((value) => value.split(',')).map((value) => read(each, value))]);
    } else {
      if (values.length > 1) issues.push({ path: name, message: 'This is given more than once' });
      entries.push([name, read(kind, values[0] ?? '')]);
    }
  }
  return { fields: Object.fromEntries(entries), issues };
};
