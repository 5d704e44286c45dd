import type { JsonObject, JsonValue } from '../src/kernel/json.ts';

export type Mutable = { [key: string]: JsonValue };

export const asObject = (value: JsonValue | undefined): Mutable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mutable) : {};

const listOf = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]) : [];

const SCHEMA_KEYWORDS = ['items', 'additionalProperties', 'not'];
const LIST_KEYWORDS = ['allOf', 'anyOf', 'oneOf'];

/**
 * Brings a schema, in place, to what OpenAPI 3.0.3 allows: the generator leaves `examples` in it, and `nullable` beside a
 * reference, where it means nothing. It also says `readOnly` of lists that our TypeScript must not change, which would keep
 * them out of requests.
 */
export const tidySchema = (given: JsonValue | undefined): void => {
  if (typeof given !== 'object' || given === null) return;
  const schema = asObject(given);
  delete schema['readOnly'];
  const [example] = listOf(schema['examples']);
  if (example !== undefined) schema['example'] = example;
  delete schema['examples'];
  if (schema['nullable'] === true && schema['type'] === undefined && schema['allOf'] !== undefined)
    schema['type'] = 'object';
  for (const property of Object.values(asObject(schema['properties']))) tidySchema(property);
  for (const keyword of SCHEMA_KEYWORDS) tidySchema(schema[keyword]);
  for (const keyword of LIST_KEYWORDS) for (const part of listOf(schema[keyword])) tidySchema(part);
};

/** The several examples of a body belong beside its schema. In place. */
export const tidyContent = (content: JsonValue | undefined): void => {
  for (const media of Object.values(asObject(content)).map(asObject)) {
    const examples = listOf(asObject(media['schema'])['examples']);
    if (examples.length > 1) {
      media['examples'] = Object.fromEntries(
        examples.map((value, index): [string, JsonObject] => [`example${index + 1}`, { value }]),
      );
      delete asObject(media['schema'])['examples'];
    }
    tidySchema(media['schema']);
  }
};
