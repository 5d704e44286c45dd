import { z } from 'zod';
import type { WriteContext } from '../src/memory/memory.ts';
import type { Caller, RequestContext } from './context.ts';
import { cursorOfId, idOfCursor } from './cursor.ts';
import {
  consolidateInput,
  createInput,
  deleteInput,
  importInput,
  linkInput,
  memoryId,
  pruneInput,
  queryInput,
  tagInput,
  unlinkInput,
  updateInput,
} from './memory-inputs.ts';
import {
  importedSchema,
  importResultView,
  memoryDetailSchema,
  memoryDetailView,
  memoryPageSchema,
  memoryView,
  prunedSchema,
  queryAnswerSchema,
  queryAnswerView,
} from './memory-views.ts';
import { cursorSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

/** A page of memories holds their texts, up to 1 MiB each. */
const pageLimit = z
  .int()
  .min(1)
  .max(100)
  .default(50)
  .meta({ description: 'How many a page may hold, 1 to 100.', example: 50 });

type Known = RequestContext & { readonly caller: Caller };

const contextOf = ({ caller, idempotency }: Known, route: string): WriteContext => {
  const key = idempotency(route);
  return { visible: caller.scope.visible, ...(key === undefined ? {} : { idempotency: key }) };
};

const atMemory = (method: 'GET' | 'PUT' | 'DELETE', summary: string, description?: string) =>
  rest({
    method,
    path: '/memory/{id}',
    ...(method === 'DELETE' ? { status: 204 as const } : {}),
    summary,
    ...(description === undefined ? {} : { description }),
    tag: 'memory',
  });

const post = (path: `/memory${string}`, summary: string, description?: string, status: 200 | 201 = 200) =>
  rest({
    method: 'POST',
    path,
    status,
    summary,
    ...(description === undefined ? {} : { description }),
    tag: 'memory',
  });

const timeOf = <Field extends string>(field: Field, value: string | undefined): { [F in Field]?: number } =>
  (value === undefined ? {} : { [field]: Date.parse(value) }) as { [F in Field]?: number };

const changes = (memory: Services['memory']) => ({
  create: requires('memory:write')
    .meta(post('/memory', 'Create a memory', 'In the world of the request. The next read sees it.', 201))
    .input(createInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input, ctx }) =>
      memoryDetailView(await memory.create(input, contextOf(ctx, 'POST /memory'))),
    ),

  update: requires('memory:write')
    .meta(
      atMemory('PUT', 'Change a memory', 'What is absent stays. A memory of a file is changed in its file.'),
    )
    .input(updateInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input: { id, ...input }, ctx }) =>
      memoryDetailView(await memory.update(id, input, { visible: ctx.caller.scope.visible })),
    ),

  delete: requires('memory:delete')
    .meta(atMemory('DELETE', 'Delete a memory'))
    .input(deleteInput)
    .output(z.void())
    .mutation(async ({ input: { id, ...reason }, ctx }) => {
      await memory.remove(id, { visible: ctx.caller.scope.visible, ...reason });
    }),

  link: requires('memory:write')
    .meta(post('/memory/{id}/link', 'Link a memory to another', 'Beside the links of its text.'))
    .input(linkInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input: { id, ...input }, ctx }) =>
      memoryDetailView(await memory.link(id, input, contextOf(ctx, `POST /memory/${id}/link`))),
    ),

  unlink: requires('memory:write')
    .meta(
      post('/memory/{id}/unlink', 'Take a link away', 'A link of the text stays as long as it stands there.'),
    )
    .input(unlinkInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input: { id, ...input }, ctx }) =>
      memoryDetailView(await memory.unlink(id, input, contextOf(ctx, `POST /memory/${id}/unlink`))),
    ),

  tag: requires('memory:write')
    .meta(post('/memory/{id}/tag', 'Tag a memory', 'Beside the tags of its text.'))
    .input(tagInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input: { id, tag }, ctx }) =>
      memoryDetailView(await memory.tag(id, tag, contextOf(ctx, `POST /memory/${id}/tag`))),
    ),

  untag: requires('memory:write')
    .meta(
      post('/memory/{id}/untag', 'Take a tag away', 'A tag of the text stays as long as it stands there.'),
    )
    .input(tagInput)
    .output(memoryDetailSchema)
    .mutation(async ({ input: { id, tag }, ctx }) =>
      memoryDetailView(await memory.untag(id, tag, contextOf(ctx, `POST /memory/${id}/untag`))),
    ),
});

/** Memories: Markdown with links, tags and front matter, kept in step with the graph. */
export const createMemoryRouter = ({ memory }: Pick<Services, 'memory'>) =>
  createTrpcRouter({
    ...changes(memory),

    get: requires('memory:read')
      .meta({ ...atMemory('GET', 'Get a memory', 'With its links in both directions.'), askLeader: ['gets'] })
      .input(z.strictObject({ id: memoryId }))
      .output(memoryDetailSchema)
      .query(async ({ input, ctx }) =>
        memoryDetailView(await memory.get(input.id, { visible: ctx.caller.scope.visible })),
      ),

    list: requires('memory:read')
      .meta(
        rest({
          method: 'GET',
          path: '/memory',
          summary: 'List memories',
          description:
            'In the order in which they were made. A page may be short and still have a next_cursor.',
          tag: 'memory',
        }),
      )
      .input(z.strictObject({ limit: pageLimit, cursor: cursorSchema }))
      .output(memoryPageSchema)
      .query(async ({ input, ctx }) => {
        const after = input.cursor === undefined ? {} : { after: idOfCursor(input.cursor) };
        const { visible } = ctx.caller.scope;
        const { data, last } = await memory.list({ visible, limit: input.limit, ...after });
        return { data: data.map(memoryView), next_cursor: last === undefined ? null : cursorOfId(last) };
      }),

    query: requires('memory:read')
      .meta(
        rest({
          method: 'POST',
          path: '/memory/query',
          askLeader: ['meanings', 'finds'],
          summary: 'Find memories',
          description:
            'By text, meaning, tags, links and time, all that are given; without any, the newest. Sees every acknowledged write.',
          tag: 'memory',
        }),
      )
      .input(queryInput)
      .output(queryAnswerSchema)
      .query(async ({ input: { since, until, ...input }, ctx }) =>
        queryAnswerView(
          await memory.query(
            { ...input, ...timeOf('since', since), ...timeOf('until', until) },
            { visible: ctx.caller.scope.visible },
          ),
        ),
      ),

    consolidate: requires('memory:write')
      .meta(
        post(
          '/memory/consolidate',
          'Make one memory of several',
          'The new one takes over names, tags and links. The others can still be read by their ids, and are found no more.',
          201,
        ),
      )
      .input(consolidateInput)
      .output(memoryDetailSchema)
      .mutation(async ({ input, ctx }) =>
        memoryDetailView(await memory.consolidate(input, contextOf(ctx, 'POST /memory/consolidate'))),
      ),

    prune: requires('memory:delete')
      .meta(
        post(
          '/memory/prune',
          'Clear old memories away',
          'By age, tags, or both, in the world of the request. Memories of files stay.',
        ),
      )
      .input(pruneInput)
      .output(prunedSchema)
      .mutation(({ input: { older_than: olderThan, ...input }, ctx }) =>
        memory.prune({ ...input, ...timeOf('older_than', olderThan) }, contextOf(ctx, 'POST /memory/prune')),
      ),

    importBatch: requires('memory:write')
      .meta(
        post(
          '/memory/import',
          'Import documents',
          'Up to 25 as JSON; or up to 64 MiB as a stream, one document a line (NDJSON), answered by lines of progress.',
        ),
      )
      .input(importInput)
      .output(importedSchema)
      .mutation(async ({ input, ctx }) => ({
        data: (await memory.importBatch(input.documents, contextOf(ctx, 'POST /memory/import'))).map(
          importResultView,
        ),
      })),
  });
