/** `crucible-events/client`: what another program needs to speak to a server. */
export { apiErrorOf, callHeaders, createClient } from './client.ts';
export type { ApiError, CallOptions, ClientOptions, CrucibleClient } from './client.ts';
export { defineEvent } from './define-event.ts';
export type { EventDefinition, PayloadOf, TypedEvent } from './define-event.ts';
