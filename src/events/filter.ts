import type { JsonValue } from '../kernel/json.ts';

/** One condition, or several that must all hold, on the value at a path. A bare value means `equals`. */
export type Condition = JsonValue | Conditions;

export interface Conditions {
  readonly equals?: JsonValue;
  readonly not_equals?: JsonValue;
  readonly contains?: JsonValue;
  readonly starts_with?: string;
  readonly ends_with?: string;
  /** A regular expression in RE2 syntax, run in linear time. */
  readonly matches?: string;
  readonly greater_than?: number | string;
  readonly less_than?: number | string;
  readonly in?: readonly JsonValue[];
  readonly exists?: boolean;
}

/** Which events: all parts must hold. In a list of filters, any one suffices. */
export interface EventFilter {
  /** A type, a family (`memory.*`) or `*`. */
  readonly event_type: string;
  /** By payload path (`metadata.author`). */
  readonly filter?: { readonly [path: string]: Condition };
  /** By envelope field: world, room, actor, source, subject, correlation_id. */
  readonly envelope?: { readonly [field: string]: Condition };
  /** A CEL expression over `event`. */
  readonly when?: string;
}
