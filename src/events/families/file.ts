import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, durationMs, failure, hash, text } from './fields.ts';

const path = text('The path within the watched directory, with `/`.').min(1);
const root = text('The watched directory.').optional();
const facts = {
  size: count('In bytes.').optional(),
  mime_type: text('What it holds, as far as its name tells.').optional(),
  modified_at: z.iso.datetime().optional().describe("The file's own time of change, UTC."),
};

const created = defineEventType({
  type: 'file.created',
  version: '1.0.0',
  description: 'A file appeared.',
  schema: z.strictObject({ path, root, hash: hash('Of its bytes.').optional(), ...facts }),
  example: { path: 'notes/attention.md', size: 2311, mime_type: 'text/markdown' },
});

const modified = defineEventType({
  type: 'file.modified',
  version: '1.0.0',
  description: "A file's content changed.",
  schema: z.strictObject({
    path,
    root,
    previous_hash: hash('Of the bytes before.').optional(),
    new_hash: hash('Of the bytes after.').optional(),
    ...facts,
  }),
  example: {
    path: 'notes/attention.md',
    new_hash: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
    size: 2406,
    modified_at: '2026-11-24T10:30:00.123Z',
  },
});

const deleted = defineEventType({
  type: 'file.deleted',
  version: '1.0.0',
  description: 'A file is gone.',
  schema: z.strictObject({ path, root, previous_hash: hash('Of what was there.').optional() }),
  example: { path: 'notes/old.md' },
});

const renamed = defineEventType({
  type: 'file.renamed',
  version: '1.1.0',
  description: 'A file has another name or place; its content is the same.',
  schema: z.strictObject({
    old_path: text('Where it was.').min(1),
    new_path: text('Where it is.').min(1),
    root,
    hash: hash('Of its bytes.').optional(),
    ...facts,
  }),
  example: { old_path: 'inbox/attention.md', new_path: 'notes/attention.md' },
});

const directoryCreated = defineEventType({
  type: 'file.directory_created',
  version: '1.0.0',
  description: 'A directory appeared.',
  schema: z.strictObject({ path, root }),
  example: { path: 'notes/2026' },
});

const directoryDeleted = defineEventType({
  type: 'file.directory_deleted',
  version: '1.0.0',
  description: 'A directory is gone.',
  schema: z.strictObject({ path, root }),
  example: { path: 'notes/2019' },
});

const processed = defineEventType({
  type: 'file.processed',
  version: '1.0.0',
  description: 'A file was read and what it holds was taken over.',
  schema: z.strictObject({
    path,
    root,
    success: z.boolean().describe('Whether it could be taken over.'),
    memory_ids: z.array(z.string()).optional().describe('The memories that came out of it.'),
    duration_ms: durationMs,
    error: failure.optional(),
  }),
  example: {
    path: 'notes/attention.md',
    success: true,
    memory_ids: ['msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10'],
    duration_ms: 12,
  },
});

export const fileEvents = [
  created,
  modified,
  deleted,
  renamed,
  directoryCreated,
  directoryDeleted,
  processed,
] as const;
