import { z } from 'zod';
import { CONSOLIDATION_STRATEGIES } from '../src/memory/memory.ts';
import { idSchema, jsonObjectSchema } from './schemas.ts';

const EXAMPLE_ID = 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10';

export const memoryId = idSchema(EXAMPLE_ID, "The memory's id.");
const otherId = (description: string) => idSchema('msg_01932f70-11d2-7a44-8a0e-4b7f6f0c9d22', description);

const content = z.string().min(1).meta({
  description: 'Markdown; wikilinks, tags and front matter are read from it.',
  example: '# Attention\nsee [[Transformers]] #ai',
});
const name = z
  .string()
  .min(1)
  .max(200)
  .nullable()
  .meta({ description: 'A name that wikilinks may use, such as that of its file.', example: 'Attention' });
const metadata = jsonObjectSchema.meta({
  description: 'Whatever is kept beside it.',
  example: { author: 'alice' },
});
const tag = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: 'A tag, with its `#`.', pattern: '^#', example: '#important' });
const time = (description: string) =>
  z.iso
    .datetime({ offset: true, error: 'An ISO 8601 time with a zone, like 2026-11-24T10:30:00Z' })
    .meta({ description, example: '2026-11-24T10:30:00.123Z' });
const linkType = z.string().min(1).max(64).meta({
  description: 'What the link says: lower-case letters, digits, `_`, `-`; default `related`.',
  pattern: '^[a-z][a-z0-9_-]{0,63}$',
  example: 'cites',
});

export const createInput = z.strictObject({
  content,
  name: name.exactOptional(),
  metadata: metadata.exactOptional(),
});

export const updateInput = z.strictObject({
  id: memoryId,
  content: content.exactOptional(),
  name: name.exactOptional(),
  metadata: metadata.meta({ description: 'Replaces all of it.' }).exactOptional(),
  expected_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'A SHA-256 in lower-case hexadecimal')
    .meta({ description: 'The update holds only if the content has this hash, else 409.' })
    .exactOptional(),
});

export const deleteInput = z.strictObject({
  id: memoryId,
  reason: z
    .string()
    .min(1)
    .max(500)
    .meta({ description: 'Stands in the event.', example: 'duplicate' })
    .exactOptional(),
});

export const queryInput = z.strictObject({
  text: z
    .string()
    .min(1)
    .max(1_000)
    .meta({ description: 'Words that it has, all of them; or its whole name.', example: 'attention' })
    .exactOptional(),
  semantic: z
    .string()
    .min(1)
    .max(8_000)
    .meta({
      description: 'What it is about. Without an embeddings endpoint it is looked for as `text`.',
      example: 'how models focus',
    })
    .exactOptional(),
  tags: z
    .array(tag)
    .min(1)
    .max(20)
    .meta({ description: 'All of these.', example: ['#ai'] })
    .exactOptional(),
  linked_to: otherId('Only those that link to this memory.').exactOptional(),
  since: time('Last written at this time or later.').exactOptional(),
  until: time('Last written before this time.').exactOptional(),
  min_relevance: z
    .number()
    .min(0)
    .max(1)
    .meta({ description: 'Only those at least as relevant.', example: 0.2 })
    .exactOptional(),
  limit: z
    .int()
    .min(1)
    .max(100)
    .default(20)
    .meta({ description: 'How many a page holds, 1 to 100.', example: 20 }),
  page: z.int().min(1).max(10_000).default(1).meta({ description: 'From 1.', example: 1 }),
});

export const linkInput = z.strictObject({
  id: memoryId,
  to: otherId('The memory that it leads to, of the same world.'),
  link_type: linkType.exactOptional(),
  strength: z
    .number()
    .gt(0)
    .max(1)
    .meta({ description: 'Above 0, at most 1; the weight of the edge.', example: 0.8 })
    .exactOptional(),
});

export const unlinkInput = z.strictObject({
  id: memoryId,
  to: otherId('The memory that it leads to.'),
  link_type: linkType.exactOptional(),
});

export const tagInput = z.strictObject({ id: memoryId, tag });

export const consolidateInput = z.strictObject({
  ids: z
    .array(otherId('A memory.'))
    .min(2)
    .max(50)
    .meta({
      description: 'What becomes one, of one world.',
      uniqueItems: true,
      example: [EXAMPLE_ID, 'msg_01932f70-11d2-7a44-8a0e-4b7f6f0c9d22'],
    }),
  content: content.meta({ description: 'What the new memory says.' }).exactOptional(),
  strategy: z
    .enum(CONSOLIDATION_STRATEGIES)
    .meta({
      description:
        'What it says instead: all of them joined, the oldest first (default), the newest, the longest.',
    })
    .exactOptional(),
  name: name.exactOptional(),
  metadata: metadata
    .meta({ description: 'Default that of all of them, the newest winning.' })
    .exactOptional(),
  summary: z.string().min(1).max(2_000).meta({ description: 'Stands in the event.' }).exactOptional(),
});

export const pruneInput = z.strictObject({
  older_than: time('Those last written before this time.').exactOptional(),
  tags: z.array(tag).min(1).max(20).meta({ description: 'Those that have all of these.' }).exactOptional(),
  max: z.int().min(1).max(100).default(100).meta({
    description: 'How many at most, the oldest first; `more` says whether to ask again.',
    example: 100,
  }),
  dry_run: z.boolean().default(false).meta({ description: 'Only says which.' }),
  reason: z.string().min(1).max(500).meta({ description: 'Stands in the event.' }).exactOptional(),
});

const documentSchema = z.strictObject({
  content: content.min(0),
  name: name.exactOptional(),
  metadata: metadata.exactOptional(),
  id: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description: '`msg_` and a UUID of version 7: the same document is taken once, however often it comes.',
      example: EXAMPLE_ID,
    })
    .exactOptional(),
});

export const importInput = z.strictObject({
  documents: z.array(documentSchema).min(1).max(25).meta({ description: 'What is to become memories.' }),
});

/** One line of a streamed import. */
export const importLine = documentSchema;
