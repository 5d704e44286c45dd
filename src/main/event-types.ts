import type { EventTypeEntry } from '../../router/services.ts';
import type { Catalogue } from '../events/catalogue.ts';
import type { CustomTypes } from '../events/custom-types.ts';

/** The catalogue as the API shows it, and after it what is registered. */
export const eventTypes = (
  catalogue: Catalogue,
  custom: Pick<CustomTypes, 'newest' | 'versions'>,
): readonly EventTypeEntry[] => [
  ...catalogue.list().map(({ type, version, description, example }) => ({
    type,
    version,
    versions: [version],
    description,
    schema: catalogue.jsonSchema(type) ?? {},
    example,
  })),
  ...custom.newest().map(({ type, version, description, schema, example }) => ({
    type,
    version,
    versions: custom.versions(type).map((one) => one.version),
    description,
    schema,
    example,
  })),
];
