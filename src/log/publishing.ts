/** Turns what a client publishes into events for the log, or says everything that is wrong with it. */
import { CUSTOM_VERSION, type Catalogue } from '../events/catalogue.ts';
import type { CustomTypes } from '../events/custom-types.ts';
import type { NewEvent } from '../events/envelope.ts';
import { majorOf } from '../events/event-type.ts';
import { fitsInBytes, inexactIn, isStorableText, MAX_PAYLOAD_BYTES } from '../events/exact-json.ts';
import { isCustomType } from '../events/type-name.ts';
import { CrucibleError, isCrucibleError, type ErrorCode, type Issue } from '../kernel/errors.ts';
import { idPattern, type NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';

/** An event as a client asks for it. */
export interface PublishInput {
  /** `custom.<name>[.<name>…]`, in any accepted spelling. */
  readonly type: string;
  readonly payload: JsonObject;
  readonly subject?: string;
  readonly room?: string;
  /** The client's own `evt_<UUIDv7>`: publishing it twice stores it once. */
  readonly id?: string;
  readonly version?: string;
}

/** Events of one request. */
const MAX_EVENTS = 1_000;
/** Characters of a subject, a room. */
const MAX_NAME_LENGTH = 512;
const MAX_ISSUES = 100;
const EVENT_ID = idPattern('evt');

/** The code that the request fails with is that of its gravest issue, in this order. */
const GRAVITY = [
  'reserved_type',
  'unknown_event_type',
  'payload_too_large',
  'invalid',
  'schema_mismatch',
] as const;
type Fault = (typeof GRAVITY)[number];

interface Faults {
  readonly issues: Issue[];
  readonly codes: Set<Fault>;
}

/** @throws CrucibleError one of `GRAVITY`, with the issues of all events */
export const eventsOf = (
  inputs: readonly PublishInput[],
  origin: Origin,
  {
    catalogue,
    custom,
    newId,
  }: {
    readonly catalogue: Catalogue;
    /** What is registered for custom types; without it, nothing is. */
    readonly custom?: Pick<CustomTypes, 'judge'> | undefined;
    readonly newId: NewId;
  },
): readonly NewEvent[] => {
  if (inputs.length === 0 || inputs.length > MAX_EVENTS) {
    const message = `must be 1 to ${MAX_EVENTS} events, not ${inputs.length}`;
    throw new CrucibleError('invalid', `the request ${message}`, { issues: [{ path: 'events', message }] });
  }
  const faults: Faults = { issues: [], codes: new Set() };
  const ids = new Set<string>();
  const events = inputs.map((input, index) => {
    const path = `events.${index}`;
    const type = typeOf(input, path, catalogue, faults);
    checkFields(input, path, ids, faults);
    const version = checkPayload(input, type, path, { catalogue, custom }, faults);
    return {
      id: input.id ?? newId('evt'),
      type,
      version,
      source: origin.source,
      actor: origin.actor,
      subject: input.subject ?? null,
      correlation_id: origin.correlation_id,
      causation_id: origin.causation_id,
      depth: origin.depth,
      world: origin.world,
      room: input.room ?? null,
      payload: input.payload,
    } satisfies NewEvent;
  });
  if (faults.issues.length > 0) throw failure(faults);
  return events;
};

const failure = ({ issues, codes }: Faults): CrucibleError => {
  const code: ErrorCode = GRAVITY.find((candidate) => codes.has(candidate)) ?? 'invalid';
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const shown = issues.slice(0, MAX_ISSUES);
  return new CrucibleError(code, `${first?.path}: ${first?.message}${more}`, {
    issues: shown,
    ...(first?.hint === undefined ? undefined : { hint: first.hint }),
  });
};

const report = (faults: Faults, code: Fault, issue: Issue): void => {
  faults.codes.add(code);
  faults.issues.push(issue);
};

const typeOf = (input: PublishInput, path: string, catalogue: Catalogue, faults: Faults): string => {
  try {
    const type = catalogue.normalizeType(input.type);
    if (catalogue.get(type) !== undefined) {
      report(faults, 'reserved_type', {
        path: `${path}.type`,
        message: `${type} comes out of its own service; clients publish custom.* events`,
        hint: `for example custom.${type}`,
      });
    }
    return type;
  } catch (error) {
    if (!isCrucibleError(error, 'unknown_event_type')) throw error;
    report(faults, 'unknown_event_type', {
      path: `${path}.type`,
      message: error.message,
      ...(error.hint === undefined ? undefined : { hint: error.hint }),
    });
    return input.type;
  }
};

const checkFields = (input: PublishInput, path: string, ids: Set<string>, faults: Faults): void => {
  for (const name of ['subject', 'room'] as const) {
    const value = input[name];
    if (value === undefined) continue;
    if (value === '' || value.length > MAX_NAME_LENGTH || !isStorableText(value))
      report(faults, 'invalid', {
        path: `${path}.${name}`,
        message: `must be 1 to ${MAX_NAME_LENGTH} characters of well-formed text without NUL`,
      });
  }
  if (input.version !== undefined && !(majorOf(input.version) >= 1 && input.version.length <= 64))
    report(faults, 'invalid', {
      path: `${path}.version`,
      message: 'must be a semantic version from 1.0.0 up',
    });
  if (input.id === undefined) return;
  if (!EVENT_ID.test(input.id))
    report(faults, 'invalid', {
      path: `${path}.id`,
      message: 'must be evt_ and a UUID version 7 in lower case',
      hint: 'leave it out, and it is made for you',
    });
  else if (ids.has(input.id))
    report(faults, 'invalid', { path: `${path}.id`, message: 'stands in this request twice' });
  ids.add(input.id);
};

/** @returns the version of the type that the payload is of */
const checkPayload = (
  input: PublishInput,
  type: string,
  path: string,
  {
    catalogue,
    custom,
  }: { readonly catalogue: Catalogue; readonly custom: Pick<CustomTypes, 'judge'> | undefined },
  faults: Faults,
): string => {
  const where = `${path}.payload`;
  const { payload } = input;
  const given = input.version ?? CUSTOM_VERSION;
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    report(faults, 'invalid', { path: where, message: 'must be a JSON object' });
    return given;
  }
  const inexact = inexactIn(payload, where);
  for (const issue of inexact) report(faults, 'invalid', issue);
  // What is nested too deeply is not worth measuring, and measuring it could exhaust the stack.
  if (inexact.length > 0) return given;
  if (!fitsInBytes(payload, MAX_PAYLOAD_BYTES)) {
    report(faults, 'payload_too_large', {
      path: where,
      message: `may be ${MAX_PAYLOAD_BYTES} bytes of JSON`,
      hint: 'store the content elsewhere and publish where it is',
    });
    return given;
  }
  if (!isCustomType(type)) return given;
  const judged = custom?.judge(type, input.version, payload);
  if (judged?.unknown === true)
    report(faults, 'schema_mismatch', {
      path: `${path}.version`,
      message: `${type} has no version ${judged.version}`,
      hint: 'leave it out for the newest one; GET /api/v1/event-types lists the versions',
    });
  for (const issue of judged?.issues ?? catalogue.validate(type, payload))
    report(faults, 'schema_mismatch', {
      ...issue,
      path: issue.path === '' ? where : `${where}.${issue.path}`,
    });
  return judged?.version ?? given;
};
