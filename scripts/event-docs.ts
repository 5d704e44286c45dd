/** The pages and schema files about event types, as text. `write-event-docs.ts` writes them; a test compares them. */
import type { Catalogue } from '../src/events/catalogue.ts';
import type { EventType } from '../src/events/event-type.ts';
import { typesOf, type JsonSchema } from '../src/events/json-schema.ts';
import { familyOf } from '../src/events/type-name.ts';

/** Text by path, the paths within `docs/reference`. */
export const eventDocs = (catalogue: Catalogue): ReadonlyMap<string, string> =>
  new Map([
    ['events.md', page(catalogue)],
    ...catalogue
      .list()
      .map((type): [string, string] => [`events/${type.type}.schema.json`, schemaFile(type, catalogue)]),
  ]);

const schemaFile = (type: EventType, catalogue: Catalogue): string => {
  const { $schema, ...schema } = catalogue.jsonSchema(type.type) ?? {};
  const document = {
    $schema,
    $id: `urn:crucible:event-type:${type.type}:${type.version}`,
    title: type.type,
    description: type.description,
    ...schema,
    examples: [type.example],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
};

const page = (catalogue: Catalogue): string => {
  const families = Map.groupBy(catalogue.list(), ({ type }) => familyOf(type));
  return [
    '# Event types',
    '',
    'Written by `scripts/write-event-docs.ts` from the schemas in `src/events/families`; do not edit it by hand.',
    '',
    'Every event has the same envelope ([guide](../guides/events.md)); this page lists what the payload of each type holds.',
    'The JSON Schema of each stands in [`events/`](events/). Fields that are not marked optional are always there.',
    '`custom.<name>[.<name>…]` is yours: any JSON object, version 1.0.0 unless you name another.',
    '',
    ...[...families].map(
      ([family, types]) =>
        `- [${family}](#${family}): ${types.map(({ type }) => type.slice(family.length + 1)).join(', ')}`,
    ),
    '',
    [...families].map(([family, types]) => chapter(family, types, catalogue)).join('\n'),
  ].join('\n');
};

const chapter = (family: string, types: readonly EventType[], catalogue: Catalogue): string =>
  [`## ${family}`, '', types.map((type) => section(type, catalogue)).join('\n')].join('\n');

const section = (type: EventType, catalogue: Catalogue): string => {
  const schema = catalogue.jsonSchema(type.type) ?? {};
  const required = new Set(schema.required ?? []);
  return [
    `### ${type.type}`,
    '',
    `Version ${type.version}. ${type.description}`,
    '',
    '| field | type | |',
    '|---|---|---|',
    ...Object.entries(schema.properties ?? {}).map(
      ([name, field]) =>
        `| \`${name}\` | ${typeInWords(field)}${required.has(name) ? '' : ', optional'} | ${descriptionOf(field)} |`,
    ),
    '',
    '```json',
    JSON.stringify(type.example, null, 2),
    '```',
    '',
  ].join('\n');
};

const typeInWords = (field: JsonSchema): string => {
  if (field.enum !== undefined) return field.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  if (field.anyOf !== undefined) return field.anyOf.map(typeInWords).join(' or ');
  if (field.type === 'array')
    return `list of ${typeof field.items === 'object' ? typeInWords(field.items) : 'JSON'}`;
  if (field.format !== undefined && field.type === 'string') return field.format;
  const types = typesOf([field]);
  return types.size > 2 ? 'JSON' : [...types].join(' or ');
};

const descriptionOf = (field: JsonSchema): string =>
  (field.description ?? field.anyOf?.find(({ description }) => description !== undefined)?.description ?? '')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');
