/** The thread that computes what would hold up the server: one task after the other, as they come. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../kernel/errors.ts';
import { compute } from './compute.ts';
import type { FromThread, ToThread } from './protocol.ts';

const answer = ({ id, ...work }: ToThread): FromThread => {
  try {
    return { id, outcome: compute(work) };
  } catch (error) {
    return { id, failure: messageOf(error) };
  }
};

parentPort?.on('message', (message: ToThread) => {
  const told = answer(message);
  parentPort?.postMessage(told, 'outcome' in told ? [told.outcome.values.buffer] : []);
});
