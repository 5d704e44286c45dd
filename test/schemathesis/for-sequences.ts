export type Json = { [key: string]: unknown };

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/**
 * Headers of requests that sequences go without. The names of two end as those of ids do, of things that nothing makes, so
 * that sequences would not begin with making anything. By the third, one thing would be in one world and the next in another.
 * By the last, which comes again in other sequences, one is told what was made once and has been deleted since.
 */
const HEADERS = new Set([
  'X-Correlation-Id',
  'X-Crucible-Causation-Id',
  'X-Crucible-World',
  'Idempotency-Key',
]);

/** What takes expressions and rules in many places: at random they are hardly ever all good at once. */
const INTRICATE = new Set(['/hooks', '/hooks/{id}', '/webhooks', '/webhooks/{id}']);

/** The schema without what may be left out; of a filter, which requires nothing by itself, the type of events. */
const lean = (given: unknown): unknown => {
  const schema = objectOf(given);
  const { properties, items, oneOf } = schema;
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : ['event_type'];
  return {
    ...schema,
    ...(properties !== undefined && {
      required,
      properties: Object.fromEntries(
        Object.entries(objectOf(properties))
          .filter(([name]) => required.includes(name))
          .map(([name, property]) => [name, lean(property)]),
      ),
    }),
    ...(items !== undefined && { items: lean(items) }),
    // A hook's shell action takes either of two fields.
    ...(Array.isArray(oneOf) && {
      oneOf: oneOf.filter((part) => !/"shell"/.test(JSON.stringify(part))).map(lean),
    }),
  };
};

/** The document as sequences use it: what can be said by each request alone is tried by the other phases. */
export const forSequences = (document: Json): Json => {
  const copy = structuredClone(document);
  for (const [path, item] of Object.entries(objectOf(copy['paths']))) {
    for (const operation of Object.values(objectOf(item)).map(objectOf)) {
      const { parameters, requestBody } = operation;
      if (Array.isArray(parameters))
        operation['parameters'] = parameters.filter((each) => !HEADERS.has(String(objectOf(each)['name'])));
      const json = objectOf(objectOf(objectOf(requestBody)['content'])['application/json']);
      if (INTRICATE.has(path) && json['schema'] !== undefined) json['schema'] = lean(json['schema']);
    }
  }
  return copy;
};
