import { z } from 'zod';
import type { FileRow } from '../src/files/row.ts';
import type { FileList, ScanReport } from '../src/files/service.ts';
import { nextCursorSchema, timeSchema } from './schemas.ts';
import { isoTime } from './time.ts';

const count = (description: string) => z.int().meta({ description });

export const scanSchema = z.object({
  created: count('Files that came.'),
  modified: count('Files whose bytes changed.'),
  deleted: count('Files that went.'),
  renamed: count('Files with the same bytes under another path.'),
  directories: count('Directories that came or went.'),
  unchanged: count('Files that are as they were.'),
  failed: count('Files that could not be taken over, and places that could not be looked at.'),
  away: z.array(z.string()).meta({
    description: 'Watched directories that are not there, or look as if their disk were not mounted.',
  }),
});

export const scanView = (report: ScanReport): z.output<typeof scanSchema> => ({
  ...report,
  away: [...report.away],
});

const fileSchema = z.object({
  id: z.string().meta({ description: 'The subject of its events.', example: 'file:9f86d081884c7d65' }),
  world: z.string().meta({ example: 'default' }),
  root: z.string().meta({ description: 'The watched directory.', example: '/home/alice/notes' }),
  path: z.string().meta({ description: 'Within it, with `/`.', example: 'ai/attention.md' }),
  size: z.number().meta({ description: 'In bytes.', example: 2311 }),
  hash: z
    .string()
    .nullable()
    .meta({ description: 'SHA-256 of its bytes, hexadecimal; null: unreadable, or over 256 MiB.' }),
  modified_at: timeSchema.nullable().meta({ description: "The file's own time when its bytes changed." }),
  memory_id: z.string().nullable().meta({ description: 'The memory that came out of it, if any.' }),
  error: z
    .object({ code: z.string().meta({ example: 'not_utf8' }), message: z.string() })
    .nullable()
    .meta({ description: 'Why it could not be taken over.' }),
  created_at: timeSchema,
  updated_at: timeSchema,
});

export const filePageSchema = z.object({ data: z.array(fileSchema), next_cursor: nextCursorSchema });

const fileView = (row: FileRow): z.output<typeof fileSchema> => ({
  id: row.id.slice(row.world.length + 1),
  world: row.world,
  root: row.root,
  path: row.path,
  size: row.size,
  hash: row.hash,
  modified_at: isRepresentable(row.mtime_ms) ? isoTime(row.mtime_ms) : null,
  memory_id: row.memory_id,
  error: row.error === null ? null : { ...row.error },
  created_at: isoTime(row.created_at),
  updated_at: isoTime(row.updated_at),
});

/** File systems keep times that no date can say. */
const isRepresentable = (ms: number): boolean => !Number.isNaN(new Date(ms).getTime());

export const filePageView = ({ files, next_cursor }: FileList): z.output<typeof filePageSchema> => ({
  data: files.map(fileView),
  next_cursor,
});
