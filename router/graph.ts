import { z } from 'zod';
import { METRICS, PATH_ALGORITHMS } from '../src/graph/graph.ts';
import { DIRECTIONS } from '../src/graph/walk.ts';
import { cursorOfId, idOfCursor } from './cursor.ts';
import {
  communitiesSchema,
  edgePageSchema,
  edgeView,
  metricsSchema,
  nodeSchema,
  nodeView,
  pathsSchema,
  traversalSchema,
} from './graph-views.ts';
import { cursorSchema, limitSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

const nodeId = (description: string, example = 'tag:ai') =>
  z.string().min(1).max(512).meta({ description, example });
const edgeType = (description: string) =>
  z.string().min(1).max(100).meta({ description, example: 'links_to' });

const walkShape = {
  direction: z
    .enum(DIRECTIONS)
    .default('any')
    .meta({ description: 'Which way edges are walked: as they point, against it, or both.' }),
  types: z
    .array(edgeType('A type of edge.'))
    .min(1)
    .max(50)
    .meta({ description: 'Only these types of edges; default all.', example: ['links_to'] })
    .exactOptional(),
};

const numberOf = (what: string, max: number, fallback: number) =>
  z.int().min(1).max(max).default(fallback).meta({ description: what, example: fallback });

const pathsInput = z
  .strictObject({
    from: nodeId('Where it begins.'),
    to: nodeId('Where it ends.', 'entity:deep-learning'),
    algorithm: z.enum(PATH_ALGORITHMS).default('shortest').meta({
      description:
        '`shortest`: one with the fewest edges. `weighted`: one with the least sum of 1 / weight. `all`: each that meets no node twice, the shortest first.',
    }),
    max: numberOf('How many paths, at most; of `all`.', 100, 10),
    max_length: z
      .int()
      .min(1)
      .max(50)
      .meta({ description: 'How many edges, at most; default 20, of `all` 6, where 12 is the most.' })
      .exactOptional(),
    ...walkShape,
  })
  .refine(({ algorithm, max_length: length }) => algorithm !== 'weighted' || length === undefined, {
    path: ['max_length'],
    message: 'is not for weighted paths: they are as long as it takes',
  })
  .refine(({ algorithm, max_length: length = 1 }) => algorithm !== 'all' || length <= 12, {
    path: ['max_length'],
    message: 'must be at most 12 for all paths',
  });

/** The graph: what things have to do with each other, in the world of the request. */
export const createGraphRouter = ({ graph }: Pick<Services, 'graph'>) =>
  createTrpcRouter({
    node: requires('graph:read')
      .meta(rest({ method: 'GET', path: '/graph/nodes/{id}', summary: 'Get a node', tag: 'graph' }))
      .input(z.strictObject({ id: nodeId('The node, as `tag:ai` or the id of a memory.') }))
      .output(nodeSchema)
      .query(async ({ input, ctx }) => nodeView(await graph.node(ctx.caller.origin.world, input.id))),

    edges: requires('graph:read')
      .meta(
        rest({
          method: 'GET',
          path: '/graph/edges',
          summary: 'List edges',
          description: 'All conditions must hold. A page may be short although there is a next one.',
          tag: 'graph',
        }),
      )
      .input(
        z.strictObject({
          from: nodeId('The node that they go out from.').exactOptional(),
          to: nodeId('The node that they lead to.').exactOptional(),
          node: nodeId('The node at either end.').exactOptional(),
          type: edgeType('Their type.').exactOptional(),
          limit: limitSchema,
          cursor: cursorSchema,
        }),
      )
      .output(edgePageSchema)
      .query(async ({ input, ctx }) => {
        const { cursor, ...query } = input;
        const after = cursor === undefined ? {} : { after: idOfCursor(cursor) };
        const { edges, next } = await graph.edges(ctx.caller.origin.world, { ...query, ...after });
        return { data: edges.map(edgeView), next_cursor: next === null ? null : cursorOfId(next) };
      }),

    traverse: requires('graph:read')
      .meta(
        rest({
          method: 'POST',
          path: '/graph/traverse',
          summary: 'Everything near a node',
          description: 'Breadth first, bounded by depth and limit.',
          tag: 'graph',
        }),
      )
      .input(
        z.strictObject({
          start: nodeId('Where to begin.'),
          depth: numberOf('How many edges away, at most.', 10, 2),
          limit: numberOf('How many nodes, at most.', 1000, 100),
          ...walkShape,
        }),
      )
      .output(traversalSchema)
      .query(async ({ input, ctx }) => {
        const found = await graph.traverse(ctx.caller.origin.world, input);
        return { ...found, edges: found.edges.map(edgeView) };
      }),

    paths: requires('graph:execute')
      .meta(
        rest({
          method: 'POST',
          path: '/graph/paths',
          repeatable: true,
          summary: 'Paths between two nodes',
          description:
            'A path between them that was not known is told by graph.path_discovered. Asking again is harmless.',
          tag: 'graph',
        }),
      )
      .input(pathsInput)
      .output(pathsSchema)
      .mutation(async ({ input, ctx }) => {
        const { max_length = input.algorithm === 'all' ? 6 : 20, ...query } = input;
        const { paths, truncated } = await graph.paths(ctx.caller.origin.world, {
          ...query,
          max_length,
        });
        return {
          paths: paths.map(({ nodes, edges, length, weight, cost }) => ({
            nodes,
            edges: edges.map(edgeView),
            length,
            weight,
            cost,
          })),
          truncated,
        };
      }),

    communities: requires('graph:execute')
      .meta(
        rest({
          method: 'POST',
          path: '/graph/communities',
          repeatable: true,
          summary: 'Groups of nodes that belong together',
          description:
            'By the Louvain method, the same for the same graph. A group that was not there before is told by graph.community_detected. Asking again is harmless.',
          tag: 'graph',
        }),
      )
      .input(
        z.strictObject({
          resolution: z.number().min(0.05).max(20).default(1).meta({
            description: 'More than 1 gives more and smaller groups, less gives fewer and larger ones.',
            example: 1,
          }),
          min_size: z.int().min(2).max(100_000).default(2).meta({
            description: 'Only groups of this many nodes or more.',
            example: 2,
          }),
          limit: numberOf('How many groups, at most.', 1000, 50),
          members: numberOf('How many nodes of each, at most.', 1000, 20),
        }),
      )
      .output(communitiesSchema)
      .mutation(({ input, ctx }) => graph.communities(ctx.caller.origin.world, input)),

    metrics: requires('graph:execute')
      .meta(
        rest({
          method: 'POST',
          path: '/graph/metrics',
          repeatable: true,
          summary: 'Measures of the graph and of its nodes',
          description:
            'Measures of a graph that has changed are told by graph.metrics_computed. Asking again is harmless.',
          tag: 'graph',
        }),
      )
      .input(
        z.strictObject({
          metric: z.enum(METRICS).meta({ description: 'What to measure.', example: 'pagerank' }),
          limit: numberOf('How many nodes, at most.', 1000, 20),
        }),
      )
      .output(metricsSchema)
      .mutation(({ input, ctx }) => graph.metrics(ctx.caller.origin.world, input)),
  });
