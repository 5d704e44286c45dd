/** The two spellings that input may use for a type. */
export type TypeInput = string | { readonly type: string; readonly event: string };

const SEGMENT = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** The longest type name, in characters. */
const MAX_TYPE_LENGTH = 200;

/**
 * One spelling for all: `Memory.Created`, `memory.created` and `{type: 'Memory', event: 'Created'}` are
 * `memory.created`; `NodeAdded` is `node_added`. Says nothing about whether the type exists.
 */
export const canonicalType = (input: TypeInput): string => {
  const written = typeof input === 'string' ? input : `${input.type}.${input.event}`;
  return written
    .trim()
    .slice(0, MAX_TYPE_LENGTH + 1)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
};

/** Whether it is `custom.<name>[.<name>…]` in canonical spelling. */
export const isCustomType = (type: string): boolean => {
  const [family, ...names] = type.split('.');
  return (
    family === 'custom' &&
    names.length > 0 &&
    type.length <= MAX_TYPE_LENGTH &&
    names.every((name) => SEGMENT.test(name))
  );
};

export const familyOf = (type: string): string => type.slice(0, Math.max(type.indexOf('.'), 0)) || type;
