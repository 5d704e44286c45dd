import { z } from 'zod';
import { PERMISSIONS } from '../hooks/read/schema.ts';
import type { JsonObject } from '../src/kernel/json.ts';
import { filterSchema } from './schemas.ts';

/**
 * What the OpenAPI document says of the fields of a hook. It is said here and checked elsewhere: `hooks/` judges files and
 * requests by the same rules, and reports everything that is wrong at once. The whole of it: docs/reference/hook-file.md
 */

const text = (maxLength: number, description: string, more: JsonObject = {}): JsonObject => ({
  type: 'string',
  maxLength,
  description,
  ...more,
});
const filled = (maxLength: number, description: string): JsonObject =>
  text(maxLength, description, { minLength: 1, pattern: '\\S' });
const whole = (minimum: number, maximum: number, description: string): JsonObject => ({
  type: 'integer',
  minimum,
  maximum,
  description,
});
const oneOf = (words: readonly string[], description: string): JsonObject => ({
  type: 'string',
  enum: [...words],
  description,
});
const object = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required: [...required] }),
  additionalProperties: false,
});
const actions: readonly JsonObject[] = [
  object(
    {
      type: oneOf(['script'], 'Runs JavaScript in the sandbox.'),
      source: filled(65_536, 'The script itself: a module with a default function.'),
      file: filled(255, 'The name of the file that it came from.'),
      inputs: { description: 'What it is given; templates are filled in.' },
    },
    ['type', 'source'],
  ),
  object(
    {
      type: oneOf(['shell'], 'Runs a program; needs the permission `hook:shell`.'),
      command: {
        type: 'array',
        items: text(8_192, 'A word; templates are filled in.'),
        minItems: 1,
        maxItems: 200,
        description: 'The program and what it is given.',
      },
      shell: filled(65_536, 'A script for /bin/sh, in place of `command`.'),
      env: {
        type: 'object',
        additionalProperties: text(8_192, 'Its value.'),
        description: 'Variables.',
      },
    },
    ['type'],
  ),
  object(
    {
      type: oneOf(['http'], 'Makes a request.'),
      method: oneOf(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], 'Default POST.'),
      url: filled(2_048, 'http or https.'),
      headers: {
        type: 'object',
        additionalProperties: text(8_192, 'Its value.'),
        description: 'Names and values.',
      },
      body: { description: 'Any JSON; not with GET and HEAD.' },
    },
    ['type', 'url'],
  ),
];

export const hookFields = {
  name: text(64, 'Also the id.', { pattern: '^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$' }),
  description: text(1_000, 'What it is for.'),
  version: text(200, 'Semver.'),
  enabled: { type: 'boolean', description: 'False: matched events are recorded as skipped.' },
  worlds: {
    type: 'array',
    items: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
    minItems: 1,
    maxItems: 100,
    uniqueItems: true,
    description: 'The worlds it sees.',
  },
  trigger: {
    ...object(
      {
        timing: oneOf(['pre', 'post'], 'After the commit (default), or before it.'),
        phase: oneOf(['transform', 'validate'], 'Of a pre hook.'),
        order: whole(0, 10_000, 'Of a pre hook.'),
        events: {
          type: 'array',
          items: z.toJSONSchema(filterSchema, { target: 'openapi-3.0', io: 'input' }) as JsonObject,
          minItems: 1,
          maxItems: 100,
          description: 'Any one suffices.',
        },
      },
      ['events'],
    ),
    description: 'When it runs.',
  },
  condition: {
    ...object({
      when: filled(4_096, 'A CEL expression, part of the match with every filter.'),
      script: filled(65_536, 'JavaScript that runs inside the run; false skips it.'),
      timeout_ms: whole(1, 10_000, 'Of the script.'),
    }),
    description: 'What else must hold.',
  },
  action: { oneOf: [...actions], description: 'What it does.' },
  permissions: {
    type: 'array',
    items: oneOf(PERMISSIONS, 'One thing.'),
    uniqueItems: true,
    description: 'What its script may do.',
  },
  options: { type: 'object', additionalProperties: {}, description: 'Timeout, retry and the like.' },
  tests: { type: 'array', items: {}, description: 'Examples that it proves itself by.' },
  documentation: text(65_536, 'Markdown for people.'),
} satisfies Readonly<Record<string, JsonObject>>;
