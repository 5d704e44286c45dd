import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, id, json, jsonObject, text } from './fields.ts';

const component = text('The part of the system: `server`, `worker`, `hooks`.');

const started = defineEventType({
  type: 'system.started',
  version: '1.0.0',
  description: 'A component is up.',
  schema: z.strictObject({
    component,
    version: text('The release that runs.'),
    epoch: count("The writer's epoch, for the server.").optional(),
  }),
  example: { component: 'server', version: '0.1.0', epoch: 12 },
});

const shutdown = defineEventType({
  type: 'system.shutdown',
  version: '1.0.0',
  description: 'A component is going down in good order.',
  schema: z.strictObject({ component, reason: text('Why: `SIGTERM`.').optional() }),
  example: { component: 'server', reason: 'SIGTERM' },
});

const room = { room: id('The room.'), name: text('Its name for people.').optional() };

const roomCreated = defineEventType({
  type: 'system.room_created',
  version: '1.0.0',
  description: 'A room was opened.',
  schema: z.strictObject({ ...room, metadata: jsonObject('What is kept beside it.').optional() }),
  example: { room: 'research', name: 'Research' },
});

const roomDeleted = defineEventType({
  type: 'system.room_deleted',
  version: '1.0.0',
  description: 'A room was closed for good.',
  schema: z.strictObject(room),
  example: { room: 'research' },
});

const world = { world: id('The world.'), name: text('Its name for people.').optional() };

const worldCreated = defineEventType({
  type: 'system.world_created',
  version: '1.0.0',
  description: 'A world was made.',
  schema: z.strictObject(world),
  example: { world: 'lab', name: 'The lab' },
});

const worldDeleted = defineEventType({
  type: 'system.world_deleted',
  version: '1.0.0',
  description: 'A world and everything in it was removed.',
  schema: z.strictObject(world),
  example: { world: 'lab' },
});

const error = defineEventType({
  type: 'system.error',
  version: '1.0.0',
  description: 'Something went wrong that somebody should look at. Holds no secret.',
  schema: z.strictObject({
    component,
    code: text('A stable word.'),
    message: text('What went wrong, in words.'),
    detail: json('What helps to find it.').optional(),
  }),
  example: {
    component: 'hooks',
    code: 'invalid',
    message: 'notify.md:7:5: unknown key `evnts`',
    detail: { file: 'notify.md', line: 7, column: 5 },
  },
});

const configChanged = defineEventType({
  type: 'system.config_changed',
  version: '1.0.0',
  description: 'The configuration was changed while the program ran, or differs from that of the last start.',
  schema: z.strictObject({
    component,
    keys: z.array(z.string()).describe('Which settings. Their values are not told.'),
    file: text('Where they stand.').optional(),
  }),
  example: { component: 'server', keys: ['egress.allow'], file: 'crucible.yaml' },
});

export const systemEvents = [
  started,
  shutdown,
  roomCreated,
  roomDeleted,
  worldCreated,
  worldDeleted,
  error,
  configChanged,
] as const;
