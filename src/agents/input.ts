import { z } from 'zod';
import { problemOfHeaderName } from '../egress/header-rules.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { depthOf } from '../events/schema-bounds.ts';

/**
 * What callers give, as far as it can be judged by looking. The API describes its requests by these schemas; what has to
 * be asked of others (addresses, scripts, JSON Schemas, templates) is in `judge.ts`.
 */

/** A check that says what is wrong, or undefined. */
const checked = <T extends z.ZodType>(schema: T, problem: (value: z.output<T>) => string | undefined): T =>
  schema.check((context) => {
    const found = problem(context.value);
    if (found !== undefined) context.issues.push({ code: 'custom', message: found, input: undefined });
  });

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** The same for the document. */
const LINE = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';

const line = (max: number) =>
  checked(z.string().min(1).max(max), (value) => {
    if (value.trim() === '') return 'is empty';
    return CONTROL.test(value) ? 'holds a control character' : undefined;
  });

/** Names that stand in paths, and between slashes in row ids. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const name = (description: string, example: string) =>
  z
    .string()
    .regex(NAME, 'must be 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first')
    .meta({ description, example });

export const roomNameSchema = name('The room.', 'research');
export const worldNameSchema = name('The world, as X-Crucible-World names it.', 'lab');
export const toolNameSchema = name('The tool.', 'arxiv_lookup');
export const actionNameSchema = name('One of the actions of the agent.', 'search');
export const titleSchema = line(100).meta({
  description: 'Its name for people.',
  pattern: LINE,
  example: 'Research',
});

/** Any JSON: bodies are JSON when they come here. The cast gives `unknown` the name of what it is. */
export const jsonSchema = z.unknown() as unknown as z.ZodType<JsonValue>;
export const jsonObjectSchema = z.record(z.string(), jsonSchema) as unknown as z.ZodType<JsonObject>;

const METADATA = { characters: 16_384, depth: 16 };
export const metadataSchema = checked(jsonObjectSchema, (value) => {
  if (depthOf(value) > METADATA.depth) return `nests deeper than ${METADATA.depth} levels`;
  return JSON.stringify(value).length > METADATA.characters
    ? `has more than ${METADATA.characters} characters as JSON`
    : undefined;
});

const schemaOf = (what: string) =>
  jsonObjectSchema.meta({
    description: `The JSON Schema (2020-12) of ${what}; absent: anything.`,
    example: { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] },
  });

const MAX_HEADERS = 32;
const headersSchema = z
  .record(z.string(), z.string().max(4_096))
  .check((context) => {
    const push = (message: string, path: string[]): void =>
      void context.issues.push({ code: 'custom', message, path, input: undefined });
    const names = Object.keys(context.value);
    if (names.length > MAX_HEADERS) push(`has more than ${MAX_HEADERS} headers`, []);
    const seen = new Set<string>();
    for (const given of names) {
      const problem = problemOfHeaderName(given, true);
      if (problem !== undefined) push(problem, [given]);
      if (CONTROL.test(context.value[given] ?? '')) push('holds a control character', [given]);
      if (seen.has(given.toLowerCase())) push('is given twice, in different spellings', [given]);
      seen.add(given.toLowerCase());
    }
  })
  .meta({
    description: 'Sent with every request. What is secret stands in them as `{{ secrets.NAME }}`.',
    example: { authorization: 'Bearer {{ secrets.SEARCH_TOKEN }}' },
  });

const timeoutMs = (max: number, fallback: number) =>
  z
    .int()
    .min(100)
    .max(max)
    .default(fallback)
    .meta({ description: 'How long one attempt may take.', example: fallback });

const handlerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('http'),
      url: z
        .string()
        .min(1)
        .max(2_048)
        .meta({ description: 'Gets a POST for each attempt.', example: 'https://agents.example.org/search' }),
      headers: headersSchema.default({}),
      timeout_ms: timeoutMs(300_000, 30_000),
    }),
    z.strictObject({
      type: z.literal('script'),
      code: z.string().min(1).max(65_536).meta({
        description: 'JavaScript whose default export is a function of the request.',
        example: 'export default ({ inputs }) => ({ length: inputs.text.length });',
      }),
      timeout_ms: timeoutMs(60_000, 5_000),
    }),
    z.strictObject({ type: z.literal('stream'), timeout_ms: timeoutMs(300_000, 30_000) }),
  ])
  .meta({
    description:
      'What does it: a request to the agent, a script in the sandbox, or the agent itself over its connection to the stream.',
  });

const actionSchema = z.strictObject({
  name: actionNameSchema,
  description: z.string().max(2_000).exactOptional(),
  handler: handlerSchema,
  inputs: schemaOf('its inputs').exactOptional(),
  outputs: schemaOf('its outputs').exactOptional(),
});

export const agentInputSchema = z.strictObject({
  name: line(100).meta({
    description: 'Its name for people. The id is made of it: `Web search` becomes `web-search`.',
    pattern: LINE,
    example: 'Web search',
  }),
  version: line(64).default('1.0.0').meta({ description: 'Its own version.', example: '1.0.0' }),
  capabilities: z
    .array(line(100))
    .max(100)
    .default([])
    .meta({ description: 'What it says it can do, in words of its own.', example: ['search', 'fetch'] }),
  actions: z
    .array(actionSchema)
    .max(64)
    .default([])
    .check((context) => {
      const seen = new Set<string>();
      for (const [index, action] of context.value.entries()) {
        if (seen.has(action.name))
          context.issues.push({
            code: 'custom',
            message: `there is another action \`${action.name}\``,
            path: [index, 'name'],
            input: undefined,
          });
        seen.add(action.name);
      }
    })
    .meta({ description: 'What it can be asked to do.' }),
  metadata: metadataSchema.default({}).meta({ description: 'What is kept beside it.' }),
});

export type AgentInput = z.output<typeof agentInputSchema>;
export type AgentAction = AgentInput['actions'][number];
export type Handler = AgentAction['handler'];
