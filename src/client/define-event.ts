import { z } from 'zod';
import type { JsonObject } from '../kernel/json.ts';
import { callHeaders, type CallOptions, type CrucibleClient } from './client.ts';

/** An event as reads give it, of which the payload is known. */
export interface TypedEvent<Type extends string, Payload> {
  readonly type: Type;
  readonly payload: Payload;
}

interface PublishOptions extends CallOptions {
  readonly subject?: string;
  readonly room?: string;
  /** `evt_` and a UUIDv7: publishing it twice stores it once. */
  readonly id?: string;
}

/** A custom event type on the side of the client. */
export interface EventDefinition<Type extends string, Schema extends z.ZodObject> {
  readonly type: Type;
  readonly version: string;
  /** JSON Schema (2020-12) of the payload, as it is registered. */
  readonly jsonSchema: JsonObject;
  /** From the answer on the server takes payloads only that fit. Repeating it is harmless. */
  register(client: CrucibleClient): Promise<void>;
  /** Publishes one event of this version. @returns its id and position */
  publish(
    client: CrucibleClient,
    payload: z.input<Schema>,
    options?: PublishOptions,
  ): Promise<{ readonly id: string; readonly position: number; readonly duplicate: boolean }>;
  /** Whether an event is of this type and its payload fits; then its payload has its TypeScript type. */
  is<E extends { readonly type: string; readonly payload: unknown }>(
    event: E,
  ): event is E & TypedEvent<Type, z.input<Schema>>;
}

/** The TypeScript type of a definition's payload: `PayloadOf<typeof noteImported>`. */
export type PayloadOf<Definition> =
  Definition extends EventDefinition<string, infer Schema> ? z.input<Schema> : never;

/**
 * Defines a custom event type from one zod schema: the TypeScript type of its payload, and the JSON Schema that the server
 * enforces. A format's own pattern is left out: the server's patterns know no look-around, which those of zod use.
 * @throws Error for a schema that JSON cannot say, such as one with a transform
 */
export const defineEvent = <const Type extends `custom.${string}`, Schema extends z.ZodObject>({
  type,
  version,
  description,
  schema,
}: {
  readonly type: Type;
  /** A plain semver from 1.0.0 up. */
  readonly version: string;
  readonly description?: string;
  readonly schema: Schema;
}): EventDefinition<Type, Schema> => {
  const jsonSchema = z.toJSONSchema(schema, {
    io: 'input',
    override: (context) => {
      if (context.jsonSchema.format !== undefined) delete context.jsonSchema.pattern;
    },
  }) as JsonObject;
  return {
    type,
    version,
    jsonSchema,
    register: async (client) => {
      await client.events.registerType.mutate({
        type,
        version,
        schema: jsonSchema,
        ...(description !== undefined && { description }),
      });
    },
    publish: async (client, payload, { subject, room, id, ...call } = {}) => {
      const { data } = await client.events.publish.mutate(
        {
          type,
          version,
          payload,
          ...(subject !== undefined && { subject }),
          ...(room !== undefined && { room }),
          ...(id !== undefined && { id }),
        },
        { context: callHeaders(call) },
      );
      const [published] = data;
      if (published === undefined) throw new Error(`the server did not say what became of ${type}`);
      return published;
    },
    is: <E extends { readonly type: string; readonly payload: unknown }>(
      event: E,
    ): event is E & TypedEvent<Type, z.input<Schema>> =>
      event.type === type && schema.safeParse(event.payload).success,
  };
};
