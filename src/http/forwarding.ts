import type { AnyProcedure } from '@trpc/server';
import { isForLeader } from '../../router/routes.ts';
import type { LeaderCase } from '../../router/trpc.ts';
import type { Forward } from './forward.ts';

/** What of the API another server answers, and how it gets there. */
export interface Forwarding {
  readonly isForLeader: (procedure: AnyProcedure) => boolean;
  readonly send: Forward['send'];
}

/** @param cases in which reads are for that server too */
export const forwardingTo = ({ send }: Pick<Forward, 'send'>, cases: readonly LeaderCase[]): Forwarding => {
  const holding = new Set(cases);
  return { send, isForLeader: (procedure) => isForLeader(procedure, holding) };
};
