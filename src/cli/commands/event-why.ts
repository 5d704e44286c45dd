import type { Command } from 'commander';
import type { CrucibleClient } from '../../client/client.ts';
import { given } from '../input.ts';
import { printable } from '../printable.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

type Explanation = Awaited<ReturnType<CrucibleClient['events']['explain']['query']>>['data'][number];

const verdict = ({ exists, matches, effect, run }: Explanation): string => {
  const now = !exists ? 'is gone' : !matches ? 'does not match' : `matches (${effect})`;
  return run === null ? `${now}, no run` : `${now}, ${run.id} ${run.state}`;
};

/** The one thing that decides, then every clause. What others wrote in it must not move the cursor. */
const explained = (explanation: Explanation): string => {
  const { target, because, changed_since: changed } = explanation;
  const clauses = explanation.clauses.map((each) => ({ ...each, clause: printable(each.clause) }));
  const widest = Math.max(0, ...clauses.map(({ clause }) => clause.length));
  return [
    `${printable(target)} ${verdict(explanation)}`,
    `  because ${printable(because)}`,
    ...(changed ? ['  its definition has changed since that run'] : []),
    ...clauses.map(
      ({ holds, clause, because: why }) =>
        `  ${holds ? 'yes' : 'no '} ${clause.padEnd(widest)}  ${printable(why)}`,
    ),
  ].join('\n');
};

/** `crucible event why …` */
export const addEventWhy = (event: Command, acting: Acting): void => {
  withPages(event.command('why <id> [target]'))
    .description('why hooks, webhooks and agents did or did not react to an event, clause by clause')
    .action(
      acting((session, id: string, target: string | undefined, options: ListOptions) => {
        const read = (page: object) =>
          session.client.events.explain.query({ id, ...given({ target }), ...page });
        if (session.format !== 'table') return printPages(session, options, read, []);
        const inWords = {
          ...session,
          print: (answer: unknown): void => {
            const { data } = answer as { readonly data: readonly Explanation[] };
            if (data.length === 0) session.note('nothing found');
            else session.io.out(`${data.map(explained).join('\n\n')}\n`);
          },
        };
        return printPages(inWords, options, read, []);
      }),
    );
};
