import { CrucibleError, type Issue } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import {
  catalogue as standard,
  CUSTOM_VERSION,
  type Catalogue,
  type KnownType,
  type PayloadOf,
} from './catalogue.ts';
import type { NewEvent } from './envelope.ts';

/** An event as whoever causes it tells it. Fields that are undefined count as absent. */
export interface EventInput<Type extends KnownType | `custom.${string}`> {
  readonly type: Type;
  readonly payload: PayloadOf<Type>;
  /** The thing that the event is about; its events form one stream. */
  readonly subject?: string | null;
  readonly room?: string | null;
  /** `evt_<UUIDv7>`; without it, a new one. */
  readonly id?: string;
}

/**
 * An event ready for the log: of its type's current version, checked against its schema, and of this origin.
 * @throws CrucibleError `unknown_event_type`; `schema_mismatch` with every issue
 */
export const buildEvent = <Type extends KnownType | `custom.${string}`>(
  input: EventInput<Type>,
  origin: Origin,
  { newId, catalogue = standard }: { readonly newId: NewId; readonly catalogue?: Catalogue },
): NewEvent => {
  const type = catalogue.normalizeType(input.type);
  const payload = withoutUndefined(input.payload as JsonObject);
  const issues = catalogue.validate(type, payload);
  if (issues.length > 0) throw schemaMismatch(type, issues);
  return {
    id: input.id ?? newId('evt'),
    type,
    version: catalogue.get(type)?.version ?? CUSTOM_VERSION,
    source: origin.source,
    actor: origin.actor,
    subject: input.subject ?? null,
    correlation_id: origin.correlation_id,
    causation_id: origin.causation_id,
    depth: origin.depth,
    world: origin.world,
    room: input.room ?? null,
    payload,
  };
};

const schemaMismatch = (type: string, issues: readonly Issue[]): CrucibleError =>
  new CrucibleError('schema_mismatch', `the payload does not fit ${type}`, {
    issues: issues.map((issue) => ({
      ...issue,
      path: issue.path === '' ? 'payload' : `payload.${issue.path}`,
    })),
  });

/** JSON has no `undefined`; a copy is made only where there is one. */
const withoutUndefined = <T extends JsonValue>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    const cleaned = items.map(withoutUndefined);
    return (cleaned.some((item, index) => item !== items[index]) ? cleaned : value) as T;
  }
  let changed = false;
  const cleaned = Object.entries(value).flatMap(([key, field]: [string, JsonValue | undefined]) => {
    if (field === undefined) {
      changed = true;
      return [];
    }
    const clean = withoutUndefined(field);
    changed ||= clean !== field;
    return [[key, clean] as const];
  });
  return changed ? (Object.fromEntries(cleaned) as T) : value;
};
