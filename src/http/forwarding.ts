import type { AnyProcedure } from '@trpc/server';
import { isForLeader } from '../../router/routes.ts';
import type { Forward } from './forward.ts';

/** What of the API another server answers, and how it gets there. */
export interface Forwarding {
  readonly isForLeader: (procedure: AnyProcedure) => boolean;
  readonly send: Forward['send'];
}

/** @param options.meanings whether texts are searched by meaning */
export const forwardingTo = (
  { send }: Pick<Forward, 'send'>,
  options: { readonly meanings: boolean },
): Forwarding => ({ send, isForLeader: (procedure) => isForLeader(procedure, options) });
