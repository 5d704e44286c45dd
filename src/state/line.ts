import type { AppendRequest } from '../log/log.ts';
import type { RowsLeft } from '../log/rows-left.ts';
import type { Ticket } from '../log/ticket.ts';
import { createUnderWay, type UnderWay } from '../log/under-way.ts';

/** The line of decisions, and the changes that left it for the log and have no answer yet. */
export interface Line {
  readonly underWay: UnderWay;
  /** Does `work` after all that was given before it. A failed one does not hold up the next. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when few enough changes are under way for one more. */
  room(): Promise<void>;
  add(ticket: Ticket, rows: RowsLeft, request: AppendRequest, answer: Promise<unknown>): void;
}

/** @param most so many changes, and so many events and rows of theirs (`weight`) */
export const createLine = (most: { readonly changes: number; readonly weight: number }): Line => {
  const underWay = createUnderWay();
  /** In the order of the decisions. */
  const weights = new Map<Ticket, number>();
  let weight = 0;
  let last: Promise<unknown> = Promise.resolve();

  return {
    underWay,
    inTurn(work) {
      const turn = last.then(work);
      last = turn.catch(() => undefined);
      return turn;
    },
    async room() {
      while (weights.size >= most.changes || weight >= most.weight) {
        const [first] = weights.keys();
        await underWay.ended(first === undefined ? [] : [first]);
      }
    },
    add(ticket, rows, { events, mutations = [] }, answer) {
      const own = events.length + mutations.length;
      weights.set(ticket, own);
      weight += own;
      const end = (): void => {
        weights.delete(ticket);
        weight -= own;
      };
      underWay.add(ticket, rows, answer.then(end, end));
    },
  };
};
