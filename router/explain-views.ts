import { z } from 'zod';
import type { Explanation } from '../src/dispatch/explain.ts';
import { runSchema, runView } from './run-views.ts';
import { nextCursorSchema } from './schemas.ts';

const clauseSchema = z.object({
  clause: z.string().meta({
    description: 'Which clause: `world`, one of a filter, `enabled`, `depth`, `paused`.',
    example: 'filters.0.filter.tags.contains',
  }),
  holds: z.boolean(),
  because: z.string().meta({ description: 'In words, with the values that were compared.' }),
});

const explanationSchema = z
  .object({
    target: z.string().meta({ example: 'hook:notify-important' }),
    kind: z.enum(['hook', 'webhook', 'flow', 'agent']),
    exists: z
      .boolean()
      .meta({ description: 'False: the target has been removed since; only its run is known.' }),
    matches: z.boolean().meta({ description: 'Whether the target as it stands now takes the event.' }),
    effect: z.enum(['run', 'held', 'skipped', 'failed', 'none']).meta({
      description: 'How the run of such an event begins as the target stands now; none: there is no run.',
    }),
    because: z.string().meta({
      description: 'The one thing that decides.',
      example: 'filters.0.filter.tags.contains: there is no such field; asked for: to contain "#ai"',
    }),
    clauses: z.array(clauseSchema).readonly().meta({ description: 'All of them, whether they hold or not.' }),
    run: runSchema.nullable().meta({ description: 'The run that the event led to; null: none.' }),
    changed_since: z
      .boolean()
      .meta({ description: 'True: the run matched another definition than the present one.' }),
  })
  .meta({ id: 'Explanation', description: 'Why a target did or did not react to an event.' });

export const explanationPageSchema = z.object({
  data: z.array(explanationSchema),
  next_cursor: nextCursorSchema,
});

export const explanationView = ({ run, ...rest }: Explanation): z.input<typeof explanationSchema> => ({
  ...rest,
  run: run === null ? null : runView(run),
});
