/** Fields that several families share. Ids are opaque text here: who makes them checks them. */
import { z } from 'zod';
import type { JsonValue } from '../../kernel/json.ts';

export const id = (description: string): z.ZodString => z.string().min(1).max(512).describe(description);
export const text = (description: string): z.ZodString => z.string().describe(description);
export const count = (description: string): z.ZodInt => z.int().min(0).describe(description);
export const durationMs = z.number().min(0).describe('How long it took, in milliseconds.');

/** Any JSON. Events are JSON already when they are checked, so nothing is left to check. */
export const json = (description: string): z.ZodType<JsonValue> =>
  z.unknown().describe(description) as unknown as z.ZodType<JsonValue>;

export const jsonObject = (description: string) => z.record(z.string(), json('')).describe(description);

export const hash = (description: string): z.ZodString =>
  text(`${description} SHA-256, lower-case hexadecimal.`);

export const failure = z
  .strictObject({
    code: text('A stable word: `timeout`, `http_500`.'),
    message: text('What went wrong, in words. Holds no secret.'),
  })
  .describe('What went wrong.');
