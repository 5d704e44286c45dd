import { z } from 'zod';
import type { AgentAnswer, AgentCall, AgentConnections } from '../../activities/agent/index.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { checked } from './body.ts';
import { isObject } from './error-codec.ts';

type Address = Parameters<AgentConnections['call']>[0];

const LONGEST_TIMER_MS = 2 ** 31 - 1;

const body = z.strictObject({
  address: z.strictObject({ world: z.string(), agentId: z.string() }),
  run_id: z.string().min(1),
  message: z.custom<JsonObject>(isObject, 'must be an object'),
  timeout_ms: z.int().min(1).max(LONGEST_TIMER_MS),
});

export const encodeCall = (address: Address, { runId, message, timeoutMs }: AgentCall): string =>
  JSON.stringify({
    address,
    run_id: runId,
    message,
    timeout_ms: Math.min(Math.max(1, Math.round(timeoutMs)), LONGEST_TIMER_MS),
  });

/** @throws CrucibleError `invalid` */
export const decodeCall = (
  given: unknown,
): { readonly address: Address; readonly call: Omit<AgentCall, 'signal'> } => {
  const { address, run_id: runId, message, timeout_ms: timeoutMs } = checked(body, given);
  return { address, call: { runId, message, timeoutMs } };
};

const answer = z.object({
  answer: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('outputs'), outputs: z.custom<JsonValue>((value) => value !== undefined) }),
    z.object({ kind: z.literal('error'), message: z.string(), retry: z.boolean() }),
    z.object({
      kind: z.literal('none'),
      code: z.string(),
      message: z.string(),
      ours: z.literal(true).exactOptional(),
    }),
  ]),
});

/** Undefined: this is none. */
export const decodeAnswer = (given: unknown): AgentAnswer | undefined => answer.safeParse(given).data?.answer;
