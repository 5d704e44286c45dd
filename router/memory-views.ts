import { z } from 'zod';
import { isCrucibleError } from '../src/kernel/errors.ts';
import type { ImportResult, MemoryDetail, MemoryView, QueryAnswer } from '../src/memory/memory.ts';
import { issueSchema, jsonObjectSchema, nextCursorSchema, timeSchema } from './schemas.ts';
import { isoTime } from './time.ts';

const memoryIdOut = z.string().meta({ example: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10' });

const memoryShape = {
  id: memoryIdOut,
  world: z.string().meta({ example: 'default' }),
  name: z.string().nullable().meta({ description: 'Given by its maker; wikilinks may use it.' }),
  title: z.string().meta({
    description: 'Of the front matter, else the first heading, else the name, else the first line.',
    example: 'Attention',
  }),
  content: z.string().meta({ description: 'Markdown.', example: '# Attention\nsee [[Transformers]] #ai' }),
  hash: z.string().meta({ description: 'SHA-256 of the content in UTF-8, hexadecimal.' }),
  metadata: jsonObjectSchema.meta({ description: 'Whatever its maker keeps beside it.' }),
  tags: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Those of the text and those that were added.', example: ['#ai'] }),
  issues: z
    .array(z.object({ message: z.string(), line: z.int() }))
    .readonly()
    .meta({ description: 'What keeps the front matter from being read.' }),
  consolidated_into: z.string().nullable().meta({ description: 'The memory that it went into.' }),
  file: z.string().nullable().meta({ description: 'The node of the file that manages it.' }),
  created_by: z.string().meta({ example: 'user:alice' }),
  created_at: timeSchema,
  updated_at: timeSchema,
};

const memorySchema = z.object(memoryShape).meta({ id: 'Memory', description: 'A memory.' });

const linkSchema = z.object({
  to: z.string().nullable().meta({ description: 'A memory; null: none has that name.' }),
  entity: z.string().nullable().meta({ description: 'The node that stands for the name then.' }),
  kind: z.string().meta({ example: 'links_to' }),
  written: z.string().nullable().meta({ description: 'As the text has it; null: added beside the text.' }),
  strength: z.number().nullable(),
});

export const memoryDetailSchema = z
  .object({
    ...memoryShape,
    links: z.array(linkSchema).readonly(),
    backlinks: z
      .array(z.object({ from: memoryIdOut, title: z.string(), kind: z.string() }))
      .readonly()
      .meta({ description: 'Of at most 100 memories that lead here.' }),
    more_backlinks: z.boolean().meta({ description: '`GET /graph/edges?to=` has them all.' }),
  })
  .meta({ id: 'MemoryDetail', description: 'A memory, with its links in both directions.' });

export const memoryPageSchema = z.object({
  data: z.array(memorySchema).readonly(),
  next_cursor: nextCursorSchema,
});

export const queryAnswerSchema = z.object({
  results: z
    .array(
      z.object({
        memory: memorySchema,
        relevance: z.number().meta({ description: '0 to 1; it compares within one answer.', example: 0.87 }),
        match_reason: z.string().meta({
          description:
            'Why, joined by commas: `name`, `text`, `meaning`, `tags`, `linked_to`, `time`; or `newest`.',
          example: 'text, tags',
        }),
      }),
    )
    .readonly(),
  total: z.int().meta({ description: 'On all pages; at most 10,000 memories are looked at.' }),
  page: z.int(),
  per_page: z.int(),
  semantic_by: z.enum(['meaning', 'text']).nullable().meta({
    description:
      'How `semantic` was answered; `text`: no embeddings endpoint is configured. Null: not asked.',
  }),
  semantic_pending: z.int().meta({ description: 'How many memories have no vector yet.' }),
});

export const prunedSchema = z.object({
  ids: z.array(memoryIdOut).readonly(),
  count: z.int(),
  dry_run: z.boolean(),
  more: z.boolean().meta({ description: 'There are more that it would take.' }),
});

/** What became of one document of an import. */
const importResultSchema = z.object({
  id: memoryIdOut.exactOptional(),
  imported: z
    .boolean()
    .meta({ description: 'False: it was refused (`error`), or was there already under this id.' }),
  error: z
    .object({
      code: z.string().meta({ example: 'invalid' }),
      message: z.string(),
      errors: z.array(issueSchema).readonly().exactOptional(),
    })
    .exactOptional(),
});

export const importedSchema = z.object({ data: z.array(importResultSchema).readonly() });

export const memoryView = (memory: MemoryView): z.output<typeof memorySchema> => ({
  ...memory,
  created_at: isoTime(memory.created_at),
  updated_at: isoTime(memory.updated_at),
});

export const memoryDetailView = (memory: MemoryDetail): z.output<typeof memoryDetailSchema> => ({
  ...memoryView(memory),
  links: memory.links,
  backlinks: memory.backlinks,
  more_backlinks: memory.more_backlinks,
});

export const queryAnswerView = ({ results, ...rest }: QueryAnswer): z.output<typeof queryAnswerSchema> => ({
  ...rest,
  results: results.map(({ memory, relevance, match_reason }) => ({
    memory: memoryView(memory),
    relevance,
    match_reason,
  })),
});

/** A failure of one document, in words for whoever sent it; what we did not foresee keeps its words for the log. */
export const importResultView = (result: ImportResult): z.output<typeof importResultSchema> => {
  if (!('error' in result)) return result;
  const { error } = result;
  if (!isCrucibleError(error))
    return { imported: false, error: { code: 'internal', message: 'Something failed on our side' } };
  return {
    imported: false,
    error: {
      code: error.code,
      message: error.message,
      ...(error.issues.length === 0 ? {} : { errors: [...error.issues] }),
    },
  };
};
