/** What CEL is told about events, from the JSON Schemas of their payloads. */
import type { ObjectSchema } from '@marcbachmann/cel-js';
import { schemasOf, type Catalogue } from '../catalogue.ts';
import { namesAt, stepInto, typesOf, type JsonSchema } from '../json-schema.ts';

/** A CEL type: its name, or the fields of an object that has those and no others. */
type CelType = string | ObjectSchema;

/** JSON has one kind of number; in CEL it is a double. Nullable fields are `dyn`, so that `== null` may be asked. */
const ENVELOPE: ObjectSchema = {
  id: 'string',
  type: 'string',
  version: 'string',
  position: 'double',
  timestamp: 'string',
  source: {
    kind: 'string',
    user_id: 'string',
    agent_id: 'string',
    component: 'string',
    integration: 'string',
  },
  actor: 'string',
  subject: 'dyn',
  correlation_id: 'string',
  causation_id: 'dyn',
  depth: 'double',
  world: 'string',
  room: 'dyn',
};

const ANY_OBJECT = 'map<string, dyn>';

/**
 * The type of the variable `event`, when it can only be of these types: a field that none of them has is unknown, one
 * in which they differ is dynamic.
 * @param types undefined: of any type, so its payload is any object
 */
export const eventSchema = (types: readonly string[] | undefined, catalogue: Catalogue): ObjectSchema => {
  const schemas = schemasOf(types ?? [], catalogue);
  return { ...ENVELOPE, payload: schemas.length === 0 ? ANY_OBJECT : celType(schemas) };
};

const celType = (schemas: readonly JsonSchema[]): CelType => {
  const types = typesOf(schemas);
  if (types.size !== 1) return 'dyn';
  const [type] = types;
  if (type === 'array') return `list<${inner(stepInto(schemas, '0'))}>`;
  if (type === 'object') return objectType(schemas);
  return type === undefined ? 'dyn' : SCALARS[type];
};

const SCALARS = { string: 'string', number: 'double', boolean: 'bool', null: 'dyn' } as const;

/** What lists and maps hold: the library types objects only as fields, so objects in them are dynamic. */
const inner = (schemas: readonly JsonSchema[]): string => {
  const type = celType(schemas);
  return typeof type === 'string' && ['string', 'double', 'bool'].includes(type) ? type : 'dyn';
};

const objectType = (schemas: readonly JsonSchema[]): CelType => {
  const open = schemas.some((schema) => schema.additionalProperties !== false);
  if (open) return ANY_OBJECT;
  const fields = [...new Set(namesAt(schemas))];
  if (fields.length === 0) return ANY_OBJECT;
  return Object.fromEntries(fields.map((field) => [field, celType(stepInto(schemas, field))]));
};
