/*
 * Questions to the graph of a vault of 3,000 notes with 15,000 links, through the service and on the embedded database, in
 * turns with the same algorithm of graphology on a bare graph in memory. Paths are new each time, so each writes its
 * event; before each question about communities a link is added, so that they are computed anew.
 * `node bench/graph.ts`; results in `bench/results/graph.json`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MultiDirectedGraph, UndirectedGraph } from 'graphology';
import louvainModule from 'graphology-communities-louvain';
import { bidirectional } from 'graphology-shortest-path/unweighted.js';
import dijkstra from 'graphology-shortest-path/dijkstra.js';
import { bfsFromNode } from 'graphology-traversal';
import { catalogue } from '../src/events/catalogue.ts';
import { GRAPH_TABLES } from '../src/graph/tables.ts';
import { withOrigin } from '../src/kernel/context.ts';
import { systemClock as clock } from '../src/kernel/clock.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger as logger } from '../src/kernel/logger.ts';
import { createLog, idleReactor } from '../src/log/create-log.ts';
import { createClosers } from '../src/main/closers.ts';
import { openGraph } from '../src/main/open-graph.ts';
import { openState } from '../src/main/open-state.ts';
import { systemOrigin } from '../src/main/system-origin.ts';
import type { GraphChange } from '../src/state/change.ts';
import { openSurrealStore } from '../src/surreal/surreal-store.ts';
import { compare, percentile, report, type Comparison } from './support/compare.ts';

const NOTES = 3_000;
const LINKS = 15_000;
const NOTES_A_CHANGE = 25;
const QUESTIONS_A_ROUND = 100;
const MAX_P99_MS = 100;

// CommonJS whose types describe what a bundler would make of it.
const louvain = louvainModule as unknown as typeof louvainModule.default;

/** The same sequence in every run. From 0 to 1. */
const sequence = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const ids = Array.from({ length: NOTES }, () => newId('msg'));
const noteAt = (share: number): string => ids[Math.floor(share * NOTES)] ?? '';

/** Notes come in groups of fifty that link among themselves, and every fifth link goes to a note that many link to. */
const makeLinks = (): (readonly [from: string, to: string])[] => {
  const random = sequence(1);
  const links = new Map<string, readonly [string, string]>();
  while (links.size < LINKS) {
    const from = Math.floor(random() * NOTES);
    const near = Math.floor(from / 50) * 50 + Math.floor(random() * 50);
    const to = random() < 0.8 ? near : Math.floor(NOTES * random() ** 3);
    if (from !== to && to < NOTES) links.set(`${from} ${to}`, [ids[from] ?? '', ids[to] ?? '']);
  }
  return [...links.values()];
};
const links = makeLinks();

const linkChange = (from: string, to: string, kind = 'links_to'): GraphChange => ({
  op: 'add_edge',
  edge: { from, to, kind },
  ends: [from, to].map((id) => ({ id, kind: 'memory', label: `Note ${id.slice(-4)}` })),
});

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
const closers = createClosers(logger);
try {
  const store = await openSurrealStore({
    url: `rocksdb://${join(dataDir, 'surreal')}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'bench',
    database: 'bench',
    tables: GRAPH_TABLES,
    holder: 'bench',
    logger,
  });
  closers.add(() => store.close());
  const log = await createLog({ store, reactor: idleReactor, clock, logger, upcast: catalogue.upcast });
  closers.add(() => log.close());
  const writer = openState(log);
  const origin = systemOrigin('bench', newId);
  const change = (graph: readonly GraphChange[]) =>
    writer.write(async () => ({ change: { events: [], mutations: [], graph } }), { origin });
  const linksOf = Map.groupBy(links, ([from]) => from);
  const began = performance.now();
  for (let i = 0; i < NOTES; i += NOTES_A_CHANGE) {
    const notes = ids.slice(i, i + NOTES_A_CHANGE);
    await change(notes.flatMap((id) => (linksOf.get(id) ?? []).map(([from, to]) => linkChange(from, to))));
  }
  const importMs = performance.now() - began;

  const graph = openGraph({ log, writer }, closers);
  const loading = performance.now();
  await graph.node(origin.world, noteAt(0));
  const loadMs = performance.now() - loading;

  const bare = new MultiDirectedGraph();
  const ties = new UndirectedGraph();
  for (const each of [bare, ties]) for (const id of ids) each.addNode(id);
  for (const [from, to] of links) {
    bare.addEdge(from, to, { weight: 1 });
    ties.updateEdge(from, to, ({ weight = 0 }) => ({ weight: Number(weight) + 1 }));
  }

  const random = sequence(7);
  const pair = () => {
    const from = noteAt(random());
    for (;;) {
      const to = noteAt(random());
      if (to !== from) return { from, to };
    }
  };
  const inWorld = <T>(ask: (world: string) => Promise<T>): Promise<T> =>
    withOrigin(origin, () => ask(origin.world));
  const paths = (algorithm: 'shortest' | 'weighted' | 'all') => () =>
    inWorld((world) => graph.paths(world, { ...pair(), algorithm, max: 10, max_length: 6 }));
  const communities = () =>
    inWorld((world) => graph.communities(world, { resolution: 1, min_size: 2, limit: 50, members: 20 }));
  let added = 0;
  const computeCommunities = () => louvain.detailed(ties, { resolution: 1, rng: sequence(3) });

  const questions: readonly {
    readonly figure: string;
    readonly ask: () => unknown;
    readonly bare: () => unknown;
    readonly before?: () => unknown;
    readonly count?: number;
  }[] = [
    {
      figure: 'traverse, two edges far, up to 100 nodes',
      ask: () => inWorld((world) => graph.traverse(world, { start: noteAt(random()), depth: 2, limit: 100 })),
      bare: () => {
        let nodes = 0;
        bfsFromNode(bare, noteAt(random()), (_node, _attributes, depth) => {
          nodes += 1;
          return depth >= 2 || nodes > 100;
        });
      },
    },
    {
      figure: 'the shortest path',
      ask: paths('shortest'),
      bare: () => {
        const { from, to } = pair();
        bidirectional(bare, from, to);
      },
    },
    {
      figure: 'the path of least cost',
      ask: paths('weighted'),
      bare: () => {
        const { from, to } = pair();
        dijkstra.bidirectional(bare, from, to, 'weight');
      },
    },
    {
      figure: 'up to ten paths of up to six edges',
      ask: paths('all'),
      // Graphology proper has no such search: the baseline finds the first of them.
      bare: () => {
        const { from, to } = pair();
        bidirectional(bare, from, to);
      },
    },
    { figure: 'communities, the graph as it was', ask: communities, bare: computeCommunities },
    {
      figure: 'communities, the graph changed',
      before: async () => {
        const { from, to } = pair();
        added += 1;
        await change([linkChange(from, to, `added_${added}`)]);
      },
      ask: communities,
      bare: computeCommunities,
      count: 20,
    },
  ];

  const blocked: Record<string, number> = {};
  const comparisons: Comparison[] = [];
  const targets: { target: string; value: number; met: boolean }[] = [];
  for (const { figure, ask, bare: baseline, before, count = QUESTIONS_A_ROUND } of questions) {
    const all: number[] = [];
    const round =
      (work: () => unknown, taken: number[], prepare?: () => unknown) => async (): Promise<number> => {
        const ofRound: number[] = [];
        for (let n = 0; n < count; n += 1) {
          await prepare?.();
          const start = performance.now();
          await work();
          ofRound.push(performance.now() - start);
        }
        taken.push(...ofRound);
        return percentile(ofRound, 0.5);
      };
    comparisons.push(
      await compare({
        figure: `${figure}, p50`,
        unit: 'ms',
        contenders: [
          { name: 'service', round: round(ask, all, before) },
          { name: 'graphology', round: round(baseline, []) },
        ],
      }),
    );
    // By itself: the baseline would count as well.
    const loop = monitorEventLoopDelay({ resolution: 5 });
    loop.enable();
    await round(ask, [], before)();
    loop.disable();
    const loopP99 = loop.percentile(99) / 1e6;
    blocked[figure] = Number(loopP99.toFixed(1));
    const p99 = percentile(all.slice(count), 0.99);
    targets.push({ target: `${figure}: p99 < ${MAX_P99_MS} ms`, value: p99, met: p99 < MAX_P99_MS });
    console.log(`${figure}: p99 ${p99.toFixed(1)} ms, event loop p99 ${loopP99.toFixed(1)} ms`);
  }
  report('graph', {
    settings: {
      notes: NOTES,
      links: LINKS,
      questions_a_round: QUESTIONS_A_ROUND,
      import_ms: Math.round(importMs),
      load_ms: Math.round(loadMs),
      event_loop_p99_ms: blocked,
      storage: 'rocksdb, sync=every',
    },
    comparisons,
    targets,
    packages: ['surrealdb', '@surrealdb/node', 'graphology', 'graphology-communities-louvain'],
  });
} finally {
  await closers.closeAll();
  await rm(dataDir, { recursive: true, force: true });
}
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
