import { z } from 'zod';
import type { JsonObject } from '../../kernel/json.ts';
import { defineEventType } from '../event-type.ts';
import { count, hash, id, json, jsonObject, text } from './fields.ts';

const memoryId = id('The memory.');
const tags = z.array(z.string()).describe('Its tags, with the `#`.');
const title = text('Its title; the label of its node in the graph.').optional();

const created = defineEventType({
  type: 'memory.created',
  version: '1.1.0',
  description: 'A memory was written for the first time.',
  schema: z.strictObject({
    id: memoryId,
    content: text('The Markdown of the memory.'),
    title,
    name: text('The name that it was given, such as that of its file.').optional(),
    tags: tags.optional(),
    links: z.array(z.string()).optional().describe('The wiki links in it, as written.'),
    hash: hash('Of the content.').optional(),
    metadata: jsonObject('Whatever the writer kept beside it.').optional(),
  }),
  example: {
    id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
    content: '# Attention\nScaled dot-product attention, see [[Transformers]].',
    tags: ['#ai', '#paper'],
    links: ['[[Transformers]]'],
    metadata: { author: 'alice' },
  },
});

const patchOperation = z
  .strictObject({
    op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
    path: text('A JSON Pointer (RFC 6901).'),
    from: text('For `move` and `copy`.').optional(),
    value: json('For `add`, `replace` and `test`.').optional(),
  })
  .describe('One operation of a JSON Patch (RFC 6902).');

/** 1.x told the hash and the whole content after the change; what stood there before, it did not tell. */
const updatedFromOne = (payload: JsonObject): JsonObject => {
  const { hash: newHash, content, ...rest } = payload;
  return {
    ...rest,
    previous_hash: null,
    new_hash: newHash ?? '',
    patch: content === undefined ? [] : [{ op: 'replace', path: '/content', value: content }],
  };
};

const updated = defineEventType({
  type: 'memory.updated',
  version: '2.1.0',
  description:
    'A memory changed. Since 2.0.0 it tells both hashes and a patch; 1.x told `hash` and `content`.',
  schema: z.strictObject({
    id: memoryId,
    previous_hash: hash('Of the content before.')
      .nullable()
      .describe('Null where version 1 did not tell it.'),
    new_hash: hash('Of the content after.'),
    patch: z
      .array(patchOperation)
      .describe(
        'From the memory before to the memory after, as RFC 6902 says. The document has `name` (null without one), `content` and `metadata`.',
      ),
    title,
    tags: tags.optional(),
  }),
  example: {
    id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
    previous_hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    new_hash: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
    patch: [{ op: 'replace', path: '/content', value: '# Attention, revisited' }],
  },
  upcasters: [{ from: 1, upcast: updatedFromOne }],
});

const deleted = defineEventType({
  type: 'memory.deleted',
  version: '1.0.0',
  description: 'A memory was removed.',
  schema: z.strictObject({
    id: memoryId,
    previous_hash: hash('Of what was there.').optional(),
    reason: text('Why, if somebody said.').optional(),
  }),
  example: { id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10', reason: 'duplicate' },
});

const link = {
  id: id('The memory that the link goes out from.'),
  target: id('The memory that it leads to.'),
  kind: text('What the link says: `related`, `cites`.').optional(),
};
const linkExample = {
  id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  target: 'msg_01932f70-11d2-7a44-8a0e-4b7f6f0c9d22',
  kind: 'related',
};

const linked = defineEventType({
  type: 'memory.linked',
  version: '1.1.0',
  description: 'A memory got a link to another, or its link has another strength.',
  schema: z.strictObject({
    ...link,
    strength: z.number().optional().describe('How strong it is, above 0 and at most 1, if somebody said.'),
  }),
  example: linkExample,
});

const unlinked = defineEventType({
  type: 'memory.unlinked',
  version: '1.0.0',
  description: 'A memory lost a link to another.',
  schema: z.strictObject(link),
  example: linkExample,
});

const tag = { id: memoryId, tag: text('The tag, with the `#`.') };
const tagExample = { id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10', tag: '#important' };

const tagged = defineEventType({
  type: 'memory.tagged',
  version: '1.0.0',
  description: 'A memory got a tag.',
  schema: z.strictObject({ ...tag, tags: tags.optional() }),
  example: { ...tagExample, tags: ['#ai', '#important'] },
});

const untagged = defineEventType({
  type: 'memory.untagged',
  version: '1.0.0',
  description: 'A memory lost a tag.',
  schema: z.strictObject({ ...tag, tags: tags.optional() }),
  example: tagExample,
});

const accessed = defineEventType({
  type: 'memory.accessed',
  version: '1.0.0',
  description: 'A memory was read, or found by a query.',
  schema: z.strictObject({
    id: memoryId,
    query: text('The query that found it.').optional(),
    score: z.number().optional().describe('How well it fitted the query.'),
  }),
  example: { id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10', query: 'attention', score: 0.87 },
});

const consolidated = defineEventType({
  type: 'memory.consolidated',
  version: '1.0.0',
  description: 'Several memories became one.',
  schema: z.strictObject({
    id: id('The memory that holds them now.'),
    merged: z.array(z.string()).min(1).describe('The memories that went into it.'),
    summary: text('What it says.').optional(),
  }),
  example: {
    id: 'msg_01932f81-5b0a-7e0f-8c11-2f9f3c7a6b31',
    merged: ['msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10', 'msg_01932f70-11d2-7a44-8a0e-4b7f6f0c9d22'],
  },
});

const pruned = defineEventType({
  type: 'memory.pruned',
  version: '1.0.0',
  description: 'Old or worthless memories were cleared away.',
  schema: z.strictObject({
    ids: z.array(z.string()).describe('The memories that went.'),
    count: count('How many.'),
    reason: text('By what rule.'),
  }),
  example: { ids: ['msg_01932f70-11d2-7a44-8a0e-4b7f6f0c9d22'], count: 1, reason: 'not read for 180 days' },
});

export const memoryEvents = [
  created,
  updated,
  deleted,
  linked,
  unlinked,
  tagged,
  untagged,
  accessed,
  consolidated,
  pruned,
] as const;
