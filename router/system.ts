import { z } from 'zod';
import { jsonObjectSchema } from './schemas.ts';
import type { JsonObject } from '../src/kernel/json.ts';
import { createTrpcRouter, openToAll, rest } from './trpc.ts';

/** About the API itself. */
export const createSystemRouter = (openApiDocument: () => JsonObject) =>
  createTrpcRouter({
    openapi: openToAll
      .meta(rest({ method: 'GET', path: '/openapi.json', summary: 'This document', tag: 'system' }))
      .input(z.strictObject({}))
      .output(jsonObjectSchema.meta({ description: 'OpenAPI 3.0.3.' }))
      .query(() => openApiDocument()),
  });
