import type { Issue } from '../../kernel/errors.ts';
import type { Catalogue } from '../catalogue.ts';
import { didYouMean } from '../nearest.ts';
import { canonicalType, familyOf, isCustomType } from '../type-name.ts';

/** The families whose events tell of reactions. */
const REACTION_FAMILIES = ['hook.', 'webhook.'] as const;

/** Which types a filter names: one, all below a prefix, or all. */
export interface EventPattern {
  /** Canonical: `memory.created`, `memory.*`, `*`. */
  readonly text: string;
  /** The types of the catalogue that it takes in; undefined: also types that the catalogue cannot list. */
  readonly types: readonly string[] | undefined;
}

/** Reads `memory.created`, `Memory.Created`, `memory.*`, `custom.note.*` or `*`. */
export const parsePattern = (
  written: string,
  path: string,
  catalogue: Catalogue,
): { readonly pattern: EventPattern } | { readonly issue: Issue } => {
  const text = canonicalType(written);
  if (text === '*') return { pattern: { text, types: undefined } };
  if (text.endsWith('.*')) {
    const prefix = text.slice(0, -2);
    const types = catalogue.list().flatMap(({ type }) => (type.startsWith(`${prefix}.`) ? [type] : []));
    if (types.length > 0) return { pattern: { text, types } };
    if (prefix === 'custom' || isCustomType(prefix)) return { pattern: { text, types: undefined } };
    const families = new Set([...catalogue.list().map(({ type }) => familyOf(type)), 'custom']);
    return {
      issue: { path, message: `there is no event family \`${prefix}\``, ...didYouMean(prefix, families) },
    };
  }
  if (catalogue.get(text) !== undefined) return { pattern: { text, types: [text] } };
  if (isCustomType(text)) return { pattern: { text, types: undefined } };
  const known = [...catalogue.list().map(({ type }) => type), 'custom.*', '*'];
  return {
    issue: {
      path,
      message: `there is no event type \`${written.slice(0, 200)}\``,
      ...didYouMean(text, known),
    },
  };
};

/** Whether an event of this type is meant. `all`: `*` takes in `hook.*` and `webhook.*` too. */
export const patternTest = (text: string, all: boolean): ((type: string) => boolean) => {
  if (text === '*')
    return all ? () => true : (type) => !REACTION_FAMILIES.some((start) => type.startsWith(start));
  if (text.endsWith('.*')) {
    const start = text.slice(0, -1);
    return (type) => type.startsWith(start);
  }
  return (type) => type === text;
};
