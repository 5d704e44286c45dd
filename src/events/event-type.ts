import type { z } from 'zod';
import type { JsonObject } from '../kernel/json.ts';

/** Brings a payload from one major version to the next. Pure; it sees only payloads that its major has written. */
export interface Upcaster {
  /** The major that it reads; what it returns fits `from + 1`. */
  readonly from: number;
  readonly upcast: (payload: JsonObject) => JsonObject;
}

/**
 * One event type. Its zod schema is the source of everything said about its payload: the TypeScript type, the JSON
 * Schema, what filters and expressions may name, and samples.
 */
export interface EventType<Name extends string = string, Schema extends z.ZodObject = z.ZodObject> {
  /** Lower-case and dotted: `memory.created`. */
  readonly type: Name;
  /** The semver of the schema: an optional field more is a minor change, anything else a major one with an upcaster. */
  readonly version: string;
  readonly description: string;
  readonly schema: Schema;
  readonly example: z.output<Schema>;
  /** One for each major before this one, oldest first. */
  readonly upcasters: readonly Upcaster[];
}

/** The major of a semver; NaN if it is none. */
export const majorOf = (version: string): number => {
  const match = /^(0|[1-9]\d{0,8})\.\d{1,9}\.\d{1,9}(?:[-+].*)?$/.exec(version);
  return match?.[1] === undefined ? Number.NaN : Number(match[1]);
};

/**
 * Defines an event type.
 * @throws Error where a major has no upcaster: such a type could not read its own history, so the program must not start
 */
export const defineEventType = <const Name extends string, Schema extends z.ZodObject>(definition: {
  readonly type: Name;
  readonly version: string;
  readonly description: string;
  readonly schema: Schema;
  readonly example: z.output<Schema>;
  readonly upcasters?: readonly Upcaster[];
}): EventType<Name, Schema> => {
  const major = majorOf(definition.version);
  if (!(major >= 1))
    throw new Error(`${definition.type}: ${definition.version} is not a semver from 1.0.0 up`);
  const upcasters = [...(definition.upcasters ?? [])].sort((a, b) => a.from - b.from);
  const froms = upcasters.map((upcaster) => upcaster.from).join();
  const needed = Array.from({ length: major - 1 }, (_, index) => index + 1).join();
  if (froms !== needed)
    throw new Error(`${definition.type}: needs upcasters from majors ${needed}, has ${froms}`);
  return { ...definition, upcasters };
};
