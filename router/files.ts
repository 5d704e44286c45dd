import { z } from 'zod';
import { filePageSchema, filePageView, scanSchema, scanView } from './file-views.ts';
import { limitSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

/** The longest path of the systems that we run on, in characters. */
const MAX_PATH = 4096;

const rootSchema = z
  .string()
  .min(1)
  .max(MAX_PATH)
  .meta({ description: 'A watched directory, as configured; default all.', example: '/home/alice/notes' })
  .exactOptional();

/** Watched directories and their files. */
export const createFilesRouter = ({ files }: Pick<Services, 'files'>) =>
  createTrpcRouter({
    scan: requires('file:execute')
      .meta(
        rest({
          method: 'POST',
          path: '/files/scan',
          summary: 'Look at watched directories now',
          description:
            'Takes over what changed and tells how much. Answers when it is written. Other directories are refused.',
          tag: 'files',
        }),
      )
      .input(
        z.strictObject({
          root: rootSchema,
          path: z
            .string()
            .max(MAX_PATH)
            .meta({ description: 'A file or directory within it; default all of it.', example: 'ai/2026' })
            .exactOptional(),
        }),
      )
      .output(scanSchema)
      .mutation(async ({ input, ctx }) => {
        const idempotency = ctx.idempotency('POST /files/scan');
        const { visible } = ctx.caller.scope;
        const options = { visible, ...(idempotency === undefined ? {} : { idempotency }) };
        return scanView(await files.scan(input, options));
      }),

    list: requires('file:read')
      .meta(
        rest({
          method: 'GET',
          path: '/files',
          summary: 'List the files of watched directories',
          description: 'By directory, then by path.',
          tag: 'files',
        }),
      )
      .input(
        z.strictObject({
          root: rootSchema,
          prefix: z
            .string()
            .max(MAX_PATH)
            .meta({ description: 'Only paths that begin with this.', example: 'ai/' })
            .exactOptional(),
          limit: limitSchema,
          cursor: z
            .string()
            .min(1)
            // It holds the path where the next page begins.
            .max(8 * MAX_PATH)
            .meta({ description: 'The next_cursor of the page before, as it came.' })
            .exactOptional(),
        }),
      )
      .output(filePageSchema)
      .query(async ({ input, ctx }) =>
        filePageView(await files.list({ ...input, visible: ctx.caller.scope.visible })),
      ),
  });
