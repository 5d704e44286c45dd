import type { CrucibleEvent } from '../events/envelope.ts';

/** Positions of one read. */
const PIECE = 256;
/** Pieces that are kept. */
const KEPT = 4;

/**
 * Reads of single events that are too old for memory. Who works off a backlog asks for neighbours one after another, and
 * each read decodes whole commits: so a piece of the log is read at once, and the last few pieces are kept.
 */
export const createOldEvents = (reads: {
  head(): number;
  range(from: number, to: number): Promise<readonly CrucibleEvent[]>;
  at(position: number): Promise<CrucibleEvent | undefined>;
}): ((position: number) => Promise<CrucibleEvent | undefined>) => {
  const pieces = new Map<number, Promise<ReadonlyMap<number, CrucibleEvent>>>();

  const read = async (from: number): Promise<ReadonlyMap<number, CrucibleEvent>> =>
    new Map((await reads.range(from, from + PIECE - 1)).map((event) => [event.position, event]));

  const pieceOf = (number: number): Promise<ReadonlyMap<number, CrucibleEvent>> => {
    const known = pieces.get(number);
    pieces.delete(number);
    const piece = known ?? read(number * PIECE);
    pieces.set(number, piece);
    for (const oldest of pieces.keys()) {
      if (pieces.size <= KEPT) break;
      pieces.delete(oldest);
    }
    // A read that failed is tried again by the next who asks.
    if (known === undefined)
      piece.catch(() => {
        if (pieces.get(number) === piece) pieces.delete(number);
      });
    return piece;
  };

  return async (position) => {
    const number = Math.floor(position / PIECE);
    // The last piece still grows.
    if ((number + 1) * PIECE > reads.head()) return reads.at(position);
    return (await pieceOf(number)).get(position);
  };
};
