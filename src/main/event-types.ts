import type { EventTypeEntry } from '../../router/services.ts';
import type { Catalogue } from '../events/catalogue.ts';

/** The catalogue as the API shows it. */
export const eventTypes = (catalogue: Catalogue): readonly EventTypeEntry[] =>
  catalogue.list().map(({ type, version, description, example }) => ({
    type,
    version,
    description,
    schema: catalogue.jsonSchema(type) ?? {},
    example,
  }));
