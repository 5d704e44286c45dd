import type { JsonValue } from '../../kernel/json.ts';
import type { EventSource } from '../../kernel/origin.ts';
import type { CrucibleEvent } from '../envelope.ts';
import type { JsonType } from '../json-schema.ts';

interface EnvelopeField {
  readonly types: ReadonlySet<JsonType>;
  readonly read: (event: CrucibleEvent) => JsonValue | undefined;
}

const text: ReadonlySet<JsonType> = new Set(['string']);

/** The envelope fields that a filter may name. A null one counts as missing. */
export const ENVELOPE_FIELDS = {
  world: { types: text, read: (event) => event.world },
  room: { types: text, read: (event) => event.room ?? undefined },
  actor: { types: text, read: (event) => event.actor },
  /** As text: `user:alice`, `system:hooks`. */
  source: { types: text, read: (event) => sourceText(event.source) },
  subject: { types: text, read: (event) => event.subject ?? undefined },
  correlation_id: { types: text, read: (event) => event.correlation_id },
} as const satisfies { readonly [name: string]: EnvelopeField };

export type EnvelopeFieldName = keyof typeof ENVELOPE_FIELDS;

export const isEnvelopeField = (name: string): name is EnvelopeFieldName =>
  Object.hasOwn(ENVELOPE_FIELDS, name);

/** `kind:id`, as queries and filters write a source. */
export const sourceText = (source: EventSource): string => {
  switch (source.kind) {
    case 'user':
      return `user:${source.user_id}`;
    case 'agent':
      return `agent:${source.agent_id}`;
    case 'system':
      return `system:${source.component}`;
    case 'external':
      return `external:${source.integration}`;
  }
};
