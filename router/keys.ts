import { z } from 'zod';
import { ROLES } from '../src/access/grants.ts';
import type { KeyMaker, KeyView, NewKey } from '../src/access/keys.ts';
import type { Caller } from './context.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { cursorSchema, idSchema, limitSchema, nextCursorSchema, timeSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { isoTime, isoTimeOrNull } from './time.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

const keyId = idSchema('key_4f9QkXw2LmT7', "The key's id; not the key.");

const roleSchema = z.enum(ROLES).meta({ description: 'A preset of permissions.', example: 'reader' });

const createSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(100)
    .meta({ description: 'For people; also the source of the events made with it.', example: 'ci' }),
  role: roleSchema,
  scopes: z
    .array(z.string().min(1).max(250))
    .min(1)
    .max(100)
    .meta({
      description: 'What the role is narrowed to: `event:read`, `memory:*`, `hook:read:notify`.',
      example: ['event:read', 'event:write'],
    })
    .exactOptional(),
  worlds: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(100)
    .meta({
      description: 'The worlds that it opens, the default one first; absent: those of this request.',
      example: ['default'],
    })
    .exactOptional(),
  agent: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'An id of printable characters without spaces')
    .max(200)
    .meta({ description: 'The agent that speaks with it; of the role agent only.', example: 'web-search' })
    .exactOptional(),
  expires_at: z.iso
    .datetime({ offset: true, error: 'An ISO 8601 time with a zone, like 2026-11-24T10:30:00Z' })
    .meta({ description: 'When it ends; absent: never.', example: '2027-01-01T00:00:00Z' })
    .exactOptional(),
});

const keyFields = {
  id: z.string().meta({ example: 'key_4f9QkXw2LmT7' }),
  name: z.string(),
  role: roleSchema,
  scopes: z.array(z.string()).readonly().nullable().meta({ description: 'null: the whole role.' }),
  worlds: z.array(z.string()).readonly().nullable().meta({ description: 'null: all worlds.' }),
  agent: z.string().nullable(),
  expires_at: timeSchema.nullable(),
  created_at: timeSchema,
  created_by: z.string().meta({ description: 'The principal that made it.', example: 'admin' }),
  last_used_at: timeSchema.nullable().meta({ description: 'To a minute; null: never.' }),
};

const keySchema = z.object(keyFields).meta({ id: 'ApiKey' });
const createdKeySchema = z
  .object({
    ...keyFields,
    key: z.string().nullable().meta({
      description: 'The key, shown this once; null for a repeat under the same Idempotency-Key.',
      example: 'crk_4f9QkXw2LmT7_…',
    }),
  })
  .meta({ id: 'CreatedApiKey' });

const keyView = (key: KeyView): z.input<typeof keySchema> => ({
  id: key.id,
  name: key.name,
  role: key.role,
  scopes: key.scopes,
  worlds: key.worlds,
  agent: key.agent,
  expires_at: isoTimeOrNull(key.expires_at),
  created_at: isoTime(key.created_at),
  created_by: key.created_by,
  last_used_at: isoTimeOrNull(key.last_used_at),
});

const newKey = ({ expires_at, ...input }: z.output<typeof createSchema>): NewKey =>
  expires_at === undefined ? input : { ...input, expires_at: Date.parse(expires_at) };

const makerOf = ({ principal, scope }: Caller): KeyMaker => ({ principal, worlds: scope.visible });

/** API keys: who else may call, and what for. */
export const createKeysRouter = ({ keys }: Pick<Services, 'keys'>) =>
  createTrpcRouter({
    create: requires('key:write')
      .meta(
        rest({
          method: 'POST',
          path: '/keys',
          status: 201,
          summary: 'Create an API key',
          description: 'The answer holds the key, this once. A key can do no more than its maker.',
          tag: 'keys',
        }),
      )
      .input(createSchema)
      .output(createdKeySchema)
      .mutation(async ({ input, ctx }) => {
        const idempotency = ctx.idempotency('POST /keys');
        const options = idempotency === undefined ? {} : { idempotency };
        const { view, key } = await keys.create(newKey(input), makerOf(ctx.caller), options);
        return { ...keyView(view), key };
      }),

    list: requires('key:read')
      .meta(
        rest({
          method: 'GET',
          path: '/keys',
          summary: 'List API keys',
          description: 'Those that were not revoked, and open no world but those of the request.',
          tag: 'keys',
        }),
      )
      .input(z.strictObject({ limit: limitSchema, cursor: cursorSchema }))
      .output(z.object({ data: z.array(keySchema), next_cursor: nextCursorSchema }))
      .query(async ({ input, ctx }) => {
        const after = input.cursor === undefined ? {} : { after: idOfCursor(input.cursor) };
        const page = pageOf(
          await keys.list(makerOf(ctx.caller), { ...after, limit: input.limit }),
          input.limit,
        );
        return { data: page.items.map(keyView), next_cursor: page.next_cursor };
      }),

    revoke: requires('key:delete')
      .meta(
        rest({
          method: 'DELETE',
          path: '/keys/{id}',
          status: 204,
          summary: 'Revoke an API key',
          description: 'From when this answers, the key opens nothing.',
          tag: 'keys',
        }),
      )
      .input(z.strictObject({ id: keyId }))
      .output(z.void())
      .mutation(async ({ input, ctx }) => {
        await keys.revoke(input.id, makerOf(ctx.caller));
      }),
  });
