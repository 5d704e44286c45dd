import type { KnownType, PayloadOf } from '../events/catalogue.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Proposal } from '../state/change.ts';

/** The world that the request acts in. @throws CrucibleError `internal` outside of a request */
export const currentWorld = (): string => {
  const origin = currentOrigin();
  if (origin === undefined) throw new CrucibleError('internal', 'agents were asked outside of any request');
  return origin.world;
};

/**
 * The payload of an intended event as the gate left it.
 * @throws CrucibleError `internal`: the gate took it out, which it may not
 */
export const intendedPayload = <Type extends KnownType>(
  intended: readonly Proposal[],
  type: Type,
): PayloadOf<Type> => {
  const found = intended.find((proposal) => proposal.type === type);
  if (found === undefined) throw new CrucibleError('internal', `the gate has lost the event ${type}`);
  // The type says what the payload is; TypeScript cannot follow that through the union.
  return found.payload as unknown as PayloadOf<Type>;
};

/** A field of what a write has answered, now or the first time. @throws CrucibleError `internal` */
export const answered = (answer: JsonObject | undefined, field: string): JsonValue => {
  const value = answer?.[field];
  if (value === undefined) throw new CrucibleError('internal', `a write has answered no ${field}`);
  return value;
};

/** `already_exists` of the log names a row; people know the thing. */
export const namedTaken = async <T>(work: Promise<T>, message: string): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    if (!isCrucibleError(error, 'already_exists')) throw error;
    throw new CrucibleError('already_exists', message, { cause: error });
  }
};
