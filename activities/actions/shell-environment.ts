import type { JsonValue } from '../../src/kernel/json.ts';
import type { ActionRun } from './action-input.ts';

/** What a command sees of the environment of the server: nothing that could be a secret. */
export const PASSED_ON = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'TERM',
] as const;

/** Linux takes at most 128 KiB in one variable, and a few times that in all. What is larger is on stdin only. */
const MAX_VALUE_BYTES = 32 * 1024;
const MAX_PAYLOAD_BYTES = 64 * 1024;

const fits = (value: string, most: number): boolean =>
  !value.includes('\0') && Buffer.byteLength(value) <= most;

const scalar = (value: JsonValue): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;

/** The plain fields of a payload, `id` as `CRUCIBLE_EVENT_PAYLOAD_ID`. */
const payloadVariables = (payload: Readonly<Record<string, JsonValue>>): Record<string, string> => {
  const variables: Record<string, string> = {};
  let bytes = 0;
  for (const [key, field] of Object.entries(payload)) {
    const value = scalar(field);
    const name = `CRUCIBLE_EVENT_PAYLOAD_${key.toUpperCase()}`;
    if (value === undefined || !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key) || Object.hasOwn(variables, name))
      continue;
    bytes += Buffer.byteLength(value);
    if (bytes > MAX_PAYLOAD_BYTES || !fits(value, MAX_VALUE_BYTES)) continue;
    variables[name] = value;
  }
  return variables;
};

/**
 * The environment of a command, and nothing else is in it: a few variables of the server, the hook's own `env`, and
 * what the run is about. Values that no environment can hold (NUL, too long) are left out; stdin has everything.
 */
export const shellEnvironment = (
  run: ActionRun,
  own: Readonly<Record<string, string>>,
  server: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const { context, hook } = run;
  const { event } = context;
  const passedOn = Object.fromEntries(
    PASSED_ON.flatMap((name) => (server[name] === undefined ? [] : [[name, server[name]]])),
  );
  const told: Record<string, string | null> = {
    CRUCIBLE_EVENT_ID: event.id,
    CRUCIBLE_EVENT_TYPE: event.type,
    CRUCIBLE_EVENT_VERSION: event.version,
    CRUCIBLE_EVENT_TIMESTAMP: event.timestamp,
    CRUCIBLE_EVENT_POSITION: String(event.position),
    CRUCIBLE_EVENT_ACTOR: event.actor,
    CRUCIBLE_EVENT_SUBJECT: event.subject,
    CRUCIBLE_EVENT_WORLD: event.world,
    CRUCIBLE_EVENT_ROOM: event.room,
    CRUCIBLE_EVENT_CORRELATION_ID: event.correlation_id,
    ...payloadVariables(event.payload),
    CRUCIBLE_EVENT_PAYLOAD: JSON.stringify(event.payload),
    CRUCIBLE_HOOK: hook.name,
    CRUCIBLE_RUN_ID: context.run.id,
    CRUCIBLE_ATTEMPT: String(context.attempt),
    CRUCIBLE_IDEMPOTENCY_KEY: context.idempotencyKey,
    CRUCIBLE_CAUSATION_ID: event.id,
    CRUCIBLE_DEADLINE: new Date(context.deadline).toISOString(),
  };
  const kept = Object.entries(told).filter(
    (entry): entry is [string, string] => entry[1] !== null && fits(entry[1], MAX_VALUE_BYTES),
  );
  return { ...passedOn, ...own, ...Object.fromEntries(kept) };
};
