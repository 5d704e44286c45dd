import type { Command } from 'commander';
import { collect, decimal, given, oneOf, wholeNumber } from '../input.ts';
import { printPages, type Acting, type ListOptions } from '../session.ts';
import { withPages } from './list-options.ts';

const direction = oneOf(['out', 'in', 'any']);
const algorithm = oneOf(['shortest', 'weighted', 'all']);
const metric = oneOf(['pagerank', 'degree', 'betweenness', 'density']);

interface WalkOptions {
  readonly direction?: ReturnType<typeof direction>;
  readonly type?: readonly string[];
}

const withWalk = (command: Command): Command =>
  command
    .option('--direction <way>', 'as edges point (out), against it (in), or any', direction)
    .option('--type <type>', 'only edges of this type; may be given several times', collect);

const walkOf = ({ direction: way, type }: WalkOptions) =>
  given({ direction: way, types: type === undefined ? undefined : [...type] });

const EDGE_COLUMNS = ['id', 'from', 'type', 'to', 'weight'];

/** `crucible graph …` */
export const addGraphCommands = (program: Command, acting: Acting): void => {
  const graph = program.command('graph').description('how memories, tags, files and agents hang together');
  graph
    .command('node <id>')
    .description('a node, such as tag:ai or the id of a memory')
    .action(acting(async ({ client, print }, id: string) => print(await client.graph.node.query({ id }))));

  withPages(graph.command('edges'))
    .description('edges; all conditions must hold')
    .option('--from <node>', 'those that go out from it')
    .option('--to <node>', 'those that lead to it')
    .option('--node <node>', 'those at either end of it')
    .option('--type <type>', 'of this type')
    .action(
      acting(
        (
          session,
          {
            from,
            to,
            node,
            type,
            ...pages
          }: ListOptions & Partial<Record<'from' | 'to' | 'node' | 'type', string>>,
        ) =>
          printPages(
            session,
            pages,
            (page) => session.client.graph.edges.query({ ...given({ from, to, node, type }), ...page }),
            EDGE_COLUMNS,
          ),
      ),
    );

  withWalk(graph.command('traverse <start>'))
    .description('everything near a node')
    .option('--depth <number>', 'how many edges away, at most', wholeNumber)
    .option('-n, --limit <number>', 'how many nodes, at most', wholeNumber)
    .action(
      acting(
        async (
          { client, print, note },
          start: string,
          options: WalkOptions & { readonly depth?: number; readonly limit?: number },
        ) => {
          const { depth, limit } = options;
          const answer = await client.graph.traverse.query({
            start,
            ...given({ depth, limit }),
            ...walkOf(options),
          });
          print(answer, { rows: 'nodes', columns: ['id', 'kind', 'label', 'distance'] });
          if (answer.truncated) note('there is more than this');
        },
      ),
    );

  withWalk(graph.command('paths <from> <to>'))
    .description('paths between two nodes')
    .option('--algorithm <name>', 'shortest, weighted or all', algorithm)
    .option('--max <number>', 'how many paths, at most; of all', wholeNumber)
    .option('--max-length <number>', 'how many edges, at most', wholeNumber)
    .action(
      acting(async ({ client, print, note }, from: string, to: string, options: PathOptions) => {
        const answer = await client.graph.paths.mutate({
          from,
          to,
          ...given({ algorithm: options.algorithm, max: options.max, max_length: options.maxLength }),
          ...walkOf(options),
        });
        print(answer, { rows: 'paths', columns: ['nodes', 'length', 'weight', 'cost'] });
        if (answer.truncated) note('there is more than this');
      }),
    );

  graph
    .command('communities')
    .description('groups of nodes that belong together')
    .option('--resolution <number>', 'more than 1 gives more and smaller groups', decimal)
    .option('--min-size <number>', 'only groups of this many nodes or more', wholeNumber)
    .option('-n, --limit <number>', 'how many groups, at most', wholeNumber)
    .option('--members <number>', 'how many nodes of each, at most', wholeNumber)
    .action(
      acting(
        async (
          { client, print },
          {
            resolution,
            minSize,
            limit,
            members,
          }: Partial<Record<'resolution' | 'minSize' | 'limit' | 'members', number>>,
        ) => {
          const input = given({ resolution, min_size: minSize, limit, members });
          print(await client.graph.communities.mutate(input), {
            rows: 'communities',
            columns: ['id', 'size', 'nodes'],
          });
        },
      ),
    );

  graph
    .command('metrics')
    .argument('<metric>', 'pagerank, degree, betweenness or density', metric)
    .description('measures of the graph and of its nodes')
    .option('-n, --limit <number>', 'how many nodes, at most', wholeNumber)
    .action(
      acting(
        async (
          { client, print },
          name: ReturnType<typeof metric>,
          { limit }: { readonly limit?: number },
        ) => {
          const answer = await client.graph.metrics.mutate({ metric: name, ...given({ limit }) });
          // A measure of the whole graph has one value, and no list.
          if (answer.value !== null) print(answer);
          else print(answer, { rows: 'values', columns: ['id', 'kind', 'label', 'value'] });
        },
      ),
    );
};

interface PathOptions extends WalkOptions {
  readonly algorithm?: ReturnType<typeof algorithm>;
  readonly max?: number;
  readonly maxLength?: number;
}
