import { lookup } from 'node:dns/promises';

/** All addresses of a name, in the order in which they are to be tried. Rejects with Node's `dns` error codes. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** Asks the system, as everything else on this machine does (`/etc/hosts` included). */
export const systemResolve: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);

/**
 * Shares a question that is already under way, so that one name whose server hangs holds one thread of the system
 * resolver, not all of them. Nothing is kept: an answer is never older than the question.
 */
export const sharing = (resolve: Resolve): Resolve => {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (hostname) => {
    const known = underWay.get(hostname);
    if (known !== undefined) return known;
    const asked = resolve(hostname).finally(() => underWay.delete(hostname));
    underWay.set(hostname, asked);
    return asked;
  };
};
