import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: JsonValue;
}

const tokensOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

const changed = (
  value: JsonValue | undefined,
  tokens: readonly string[],
  change: PatchOperation,
): JsonValue => {
  const [token, ...deeper] = tokens;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || token === undefined)
    throw new Error(`${change.op} ${change.path} leads nowhere`);
  // TypeScript takes a list that is only readable for no array.
  const { [token]: old, ...others } = value as JsonObject;
  if (deeper.length > 0) return { ...others, [token]: changed(old, deeper, change) };
  if (change.op !== 'add' && old === undefined) throw new Error(`there is no ${change.path}`);
  return change.op === 'remove' ? others : { ...others, [token]: change.value ?? null };
};

/** `add`, `replace` and `remove` in objects, as RFC 6902 says. @throws Error where a path leads nowhere */
export const applyPatch = (document: JsonObject, patch: readonly PatchOperation[]): JsonObject =>
  patch.reduce<JsonObject>((before, change) => {
    if (!['add', 'replace', 'remove'].includes(change.op)) throw new Error(`${change.op} is not known here`);
    return changed(before, tokensOf(change.path), change) as JsonObject;
  }, document);
