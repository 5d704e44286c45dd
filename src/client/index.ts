/** `crucible-events/client`: what another program needs to speak to a server. */
export { apiErrorOf, callHeaders, createClient } from './client.ts';
export type { ApiError, CallOptions, CrucibleClient } from './client.ts';
export type { ClientOptions } from './options.ts';
export { streamEvents } from './stream.ts';
export type { StreamOptions } from './stream.ts';
export { StreamError } from './stream-error.ts';
export { defineEvent } from './define-event.ts';
export type { EventDefinition, PayloadOf, TypedEvent } from './define-event.ts';
