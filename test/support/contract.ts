import { Ajv, type ValidateFunction } from 'ajv';
import { createRouter } from '../../router/router.ts';
import { createOpenApiDocument } from '../../router/openapi.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';

type Json = { [key: string]: unknown };
const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** What an answer is held against; it need not be one of fetch. */
export interface CheckedAnswer {
  readonly method: string;
  /** Under `/api/v1`, with its query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Operation {
  readonly template: string;
  readonly matches: RegExp;
  readonly methods: Json;
}

/** JSON Schema of an OpenAPI 3.0 one, in place: there bounds are exclusive by a flag, and null is said beside the type. */
const asJsonSchema = (schema: unknown): void => {
  if (Array.isArray(schema)) {
    for (const part of schema) asJsonSchema(part);
    return;
  }
  const object = asObject(schema);
  for (const [flag, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (object[flag] === true) {
      object[flag] = object[bound];
      delete object[bound];
    }
  }
  for (const note of ['example', 'examples', 'default']) delete object[note];
  if (Array.isArray(object['enum']) && object['nullable'] === true && !object['enum'].includes(null))
    object['enum'] = [...(object['enum'] as unknown[]), null];
  const { nullable, ...rest } = object;
  if (nullable === true && object['allOf'] !== undefined) {
    for (const key of Object.keys(object)) delete object[key];
    const { type: _type, ...inner } = rest;
    object['anyOf'] = [inner, { type: 'null' }];
    asJsonSchema(inner);
    return;
  }
  for (const [key, value] of Object.entries(object)) {
    if (key === 'enum') continue;
    if (key === 'properties') for (const property of Object.values(asObject(value))) asJsonSchema(property);
    else if (typeof value === 'object') asJsonSchema(value);
  }
};

const createContract = (): ((answer: CheckedAnswer) => readonly string[]) => {
  const document = createOpenApiDocument(createRouter(fakeServices().services), '0.0.0') as Json;
  const components = structuredClone(asObject(document['components']));
  for (const schema of Object.values(asObject(components['schemas']))) asJsonSchema(schema);
  const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
  ajv.addSchema({ $id: 'document', components });
  const compiled = new Map<unknown, ValidateFunction>();
  const validate = (schema: unknown): ValidateFunction => {
    let known = compiled.get(schema);
    if (known === undefined) {
      const own = structuredClone(schema);
      asJsonSchema(own);
      const text = JSON.stringify(own).replaceAll('"#/components/', '"document#/components/');
      compiled.set(schema, (known = ajv.compile(JSON.parse(text) as Json)));
    }
    return known;
  };
  const resolve = (value: unknown): Json => {
    const { $ref: reference } = asObject(value);
    if (typeof reference !== 'string') return asObject(value);
    return reference
      .slice(2)
      .split('/')
      .reduce<Json>((at, step) => asObject(at[step]), document);
  };

  const operations = Object.entries(asObject(document['paths'])).map(([template, methods]): Operation => ({
    template,
    matches: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    methods: asObject(methods),
  }));
  // A path without parameters goes before one with: `/hooks/validate` is no hook.
  const byPlainness = operations.toSorted(
    (a, b) => a.template.split('{').length - b.template.split('{').length,
  );

  const bodyFaults = (content: Json, { headers, text }: CheckedAnswer): readonly string[] => {
    const type = (headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '';
    const media = content[type];
    if (media === undefined)
      return text === '' && type === '' ? [] : [`the content type ${type} is not documented`];
    if (!/[/+]json$/.test(type)) return [];
    const check = validate(asObject(media)['schema'] ?? {});
    return check(JSON.parse(text))
      ? []
      : (check.errors ?? []).map((e) => `${e.instancePath} ${e.message ?? ''}`);
  };

  return (answer) => {
    const [plain = ''] = answer.path.split('?', 1);
    const operation = byPlainness.find(({ matches }) => matches.test(plain));
    const found = operation?.methods[answer.method.toLowerCase()];
    const problem = resolve({ $ref: '#/components/responses/Problem404' });
    if (found === undefined) {
      // No operation of ours: a problem all the same, but for what a preflight or HEAD is answered.
      return answer.status < 400 || answer.text === ''
        ? []
        : bodyFaults(asObject(problem['content']), answer);
    }
    const response = asObject(asObject(found)['responses'])[String(answer.status)];
    if (response === undefined) return [`the status ${answer.status} is not documented`];
    const { content, headers } = resolve(response);
    const missing = Object.keys(asObject(headers)).filter(
      (name) => name !== 'RateLimit' && answer.headers.get(name) === null,
    );
    return [
      ...missing.map((name) => `the header ${name} is missing`),
      ...(content === undefined && answer.text === '' ? [] : bodyFaults(asObject(content), answer)),
    ];
  };
};

let contract: ReturnType<typeof createContract> | undefined;

/**
 * Holds an answer against the OpenAPI document of this program: status, content type, headers, body.
 * @throws Error naming everything in which they differ
 */
export const assertContract = (answer: CheckedAnswer): void => {
  contract ??= createContract();
  const faults = contract(answer);
  if (faults.length === 0) return;
  const { method, path, status, text } = answer;
  throw new Error(
    `${method} ${path} answered ${status} against its document:\n  ${faults.slice(0, 10).join('\n  ')}\n${text.slice(0, 1_000)}`,
  );
};
