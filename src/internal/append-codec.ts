import { z } from 'zod';
import { CrucibleError } from '../kernel/errors.ts';
import type { SentAppend, SentResult } from '../log/following/leader.ts';
import { checked } from './body.ts';
import { decodeError, isObject, type WireError } from './error-codec.ts';
import { MAX_GROUP } from './protocol.ts';

/*
 * The shape of what is sent is checked as far as the log relies on it without looking: everything but the insides of
 * payloads and rows. What is checked is then used as it came: a checker that copies would lose keys.
 */

const text = z.string();
const object = z.custom<object>(isObject, 'must be an object');
const row = z.looseObject({ id: text.min(1) });
const scalar = z.union([text, z.number(), z.boolean(), z.null()]);
const guard = z.record(text, z.union([scalar, z.array(scalar)]));

const newEvent = z.looseObject({
  id: text.min(1),
  type: text.min(1),
  version: text.min(1),
  source: z.looseObject({ kind: text }),
  actor: text,
  subject: text.nullable(),
  correlation_id: text,
  causation_id: text.nullable(),
  depth: z.int().min(0),
  world: text,
  room: text.nullable(),
  payload: object,
});

const mutation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.enum(['insert', 'create', 'put']), table: text, row }),
  z.strictObject({ op: z.literal('patch'), table: text, id: text, when: guard.optional(), set: object }),
  z.strictObject({ op: z.literal('check'), table: text, id: text, when: guard }),
  z.strictObject({ op: z.literal('remove'), table: text, id: text }),
]);

const request = z.strictObject({
  events: z.array(newEvent),
  expect: z
    .array(
      z.strictObject({
        subject: text,
        world: text,
        version: z.union([z.enum(['any', 'no_stream', 'exists']), z.int().min(0)]),
      }),
    )
    .optional(),
  idempotency: z.strictObject({ scope: text, key: text, hash: text }).optional(),
  mutations: z.array(mutation).optional(),
  answer: object.optional(),
  clientIds: z.boolean().optional(),
  ledger: z.boolean().optional(),
});

const group = z.strictObject({
  requests: z
    .array(z.strictObject({ id: text.min(1).max(200), epoch: z.int().min(0), request }))
    .min(1)
    .max(MAX_GROUP),
});

const SENDABLE = new Set(Object.keys(request.shape));

/** @throws CrucibleError `internal` for a request that only the process that writes can append */
export const encodeSentAppend = (sent: SentAppend): string => {
  const unknown = Object.entries(sent.request).filter(
    ([key, value]) => value !== undefined && !SENDABLE.has(key),
  );
  if (unknown.length > 0) {
    const names = unknown.map(([key]) => `\`${key}\``).join(', ');
    throw new CrucibleError('internal', `An append with ${names} cannot be sent to another process`);
  }
  return JSON.stringify(sent);
};

/** @param texts of {@link encodeSentAppend} */
export const encodeGroup = (texts: readonly string[]): string => `{"requests":[${texts.join(',')}]}`;

/** @throws CrucibleError `invalid` with what is wrong with the body */
export const decodeGroup = (body: unknown): readonly SentAppend[] => {
  checked(group, body);
  // Looked at just now, and taken whole.
  return (body as { requests: readonly SentAppend[] }).requests;
};

export type AppendAnswer = { readonly result: SentResult } | { readonly error: WireError };

const isResult = (value: unknown): value is SentResult =>
  isObject(value) &&
  Array.isArray(value['events']) &&
  Array.isArray(value['duplicates']) &&
  typeof value['sequence'] === 'number';

/** @returns an answer for each of `count` requests, in order; undefined: this is none */
export const decodeAnswers = (
  body: unknown,
  count: number,
): readonly (SentResult | CrucibleError)[] | undefined => {
  const answers: unknown = isObject(body) ? body['answers'] : undefined;
  if (!Array.isArray(answers) || answers.length !== count) return undefined;
  const decoded = answers.map((answer: unknown) => {
    if (!isObject(answer)) return undefined;
    const { result, error } = answer;
    return isResult(result) ? result : decodeError(error);
  });
  return decoded.every((answer) => answer !== undefined) ? decoded : undefined;
};
