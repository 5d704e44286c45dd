import { z } from 'zod';
import type { HookView } from '../hooks/service.ts';
import { issueSchema, jsonObjectSchema, nextCursorSchema, timeSchema } from './schemas.ts';
import { isoTime } from './time.ts';

export const hookSchema = z
  .object({
    id: z.string().meta({ description: "The hook's name.", example: 'notify-important' }),
    hash: z.string().meta({ description: 'Content hash of the definition.' }),
    enabled: z.boolean(),
    file: z
      .string()
      .nullable()
      .meta({ description: 'The file it is managed by; null: made through the API.' }),
    errors: z.array(issueSchema).readonly().meta({
      description: 'Why the newest version of its file was refused; the last good one keeps running.',
    }),
    definition: jsonObjectSchema.meta({
      description: 'What the hook file says, with every default filled in.',
    }),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .meta({ id: 'Hook' });

export const hookPageSchema = z.object({ data: z.array(hookSchema), next_cursor: nextCursorSchema });

export const hookView = (hook: HookView): z.input<typeof hookSchema> => ({
  id: hook.id,
  hash: hook.hash,
  enabled: hook.enabled,
  file: hook.file,
  errors: hook.errors,
  definition: { ...hook.definition },
  created_at: isoTime(hook.created_at),
  updated_at: isoTime(hook.updated_at),
});
