/** The public face of the package: a server within another program. Clients import `crucible-events/client`. */
export { createCrucible } from './main/embed.ts';
export type { CrucibleSettings, CreateCrucibleOptions, EmbeddedCrucible } from './main/embed.ts';
export { CrucibleError } from './kernel/errors.ts';
