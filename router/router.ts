import type { AnyRouter } from '@trpc/server';
import type { JsonObject } from '../src/kernel/json.ts';
import { createAgentsRouter } from './agents.ts';
import { createEventsRouter } from './events.ts';
import { createFilesRouter } from './files.ts';
import { createGraphRouter } from './graph.ts';
import { createHooksRouter } from './hooks.ts';
import { createKeysRouter } from './keys.ts';
import { createMemoryRouter } from './memory.ts';
import { createOpenApiDocument } from './openapi.ts';
import { createRoomsRouter } from './rooms.ts';
import { createRunsRouter } from './runs.ts';
import type { Services } from './services.ts';
import { createSystemRouter } from './system.ts';
import { createTrpcRouter } from './trpc.ts';
import { createWebhooksRouter } from './webhooks.ts';
import { createWorldsRouter } from './worlds.ts';

/** The whole API: tRPC as it stands, REST by the metadata of its procedures. */
export const createRouter = (services: Services) => {
  // The document is of the router that serves it: made when first asked for, then kept.
  let document: JsonObject | undefined;
  const whole = (): AnyRouter => router;
  const openApiDocument = (): JsonObject => (document ??= createOpenApiDocument(whole(), services.version));
  const router = createTrpcRouter({
    agents: createAgentsRouter(services),
    events: createEventsRouter(services),
    files: createFilesRouter(services),
    graph: createGraphRouter(services),
    hooks: createHooksRouter(services),
    memory: createMemoryRouter(services),
    webhooks: createWebhooksRouter(services),
    rooms: createRoomsRouter(services),
    runs: createRunsRouter(services),
    keys: createKeysRouter(services),
    system: createSystemRouter(openApiDocument),
    worlds: createWorldsRouter(services),
  });
  return router;
};

export type AppRouter = ReturnType<typeof createRouter>;
