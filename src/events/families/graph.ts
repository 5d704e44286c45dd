import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, durationMs, id, jsonObject, text } from './fields.ts';

const node = {
  id: id('The node.'),
  kind: text('What it stands for: `memory`, `person`, `topic`.').optional(),
  label: text('Its name for people.').optional(),
};

const nodeAdded = defineEventType({
  type: 'graph.node_added',
  version: '1.0.0',
  description: 'The graph has a new node.',
  schema: z.strictObject({ ...node, attributes: jsonObject('Its attributes.').optional() }),
  example: { id: 'topic:transformers', kind: 'topic', label: 'Transformers', attributes: { weight: 3 } },
});

const nodeRemoved = defineEventType({
  type: 'graph.node_removed',
  version: '1.0.0',
  description: 'A node left the graph, and its edges with it.',
  schema: z.strictObject({ ...node, edges_removed: count('How many edges went with it.').optional() }),
  example: { id: 'topic:transformers', kind: 'topic', edges_removed: 4 },
});

const edge = {
  id: id('The edge.'),
  from: id('The node that it goes out from.'),
  to: id('The node that it leads to.'),
  kind: text('What it says.'),
  weight: z.number().optional().describe('How strong it is.'),
};
const edgeExample = {
  id: 'edge_7f3a',
  from: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  to: 'topic:transformers',
  kind: 'about',
  weight: 0.8,
};

const edgeCreated = defineEventType({
  type: 'graph.edge_created',
  version: '1.0.0',
  description: 'Two nodes were connected.',
  schema: z.strictObject({ ...edge, attributes: jsonObject('Its attributes.').optional() }),
  example: edgeExample,
});

const edgeRemoved = defineEventType({
  type: 'graph.edge_removed',
  version: '1.0.0',
  description: 'Two nodes are no longer connected by this edge.',
  schema: z.strictObject({ ...edge, reason: text('Why.').optional() }),
  example: edgeExample,
});

const pathDiscovered = defineEventType({
  type: 'graph.path_discovered',
  version: '1.0.0',
  description: 'A path between two nodes was found that nobody had asked for before.',
  schema: z.strictObject({
    from: id('Where it begins.'),
    to: id('Where it ends.'),
    nodes: z.array(z.string()).min(2).describe('All nodes on it, in order.'),
    length: count('How many edges it has.'),
    weight: z.number().optional().describe('The sum of their weights.'),
  }),
  example: {
    from: 'topic:transformers',
    to: 'topic:memory',
    nodes: ['topic:transformers', 'topic:attention', 'topic:memory'],
    length: 2,
  },
});

const communityDetected = defineEventType({
  type: 'graph.community_detected',
  version: '1.0.0',
  description: 'A group of nodes belongs together more than to the rest.',
  schema: z.strictObject({
    community: id('Its name.'),
    nodes: z.array(z.string()).describe('Who is in it.'),
    size: count('How many.'),
    modularity: z.number().optional().describe('How well the whole partition divides the graph, -0.5 to 1.'),
  }),
  example: { community: 'c3', nodes: ['topic:transformers', 'topic:attention'], size: 2, modularity: 0.41 },
});

const metricsComputed = defineEventType({
  type: 'graph.metrics_computed',
  version: '1.0.0',
  description: 'Measures of the graph were computed anew.',
  schema: z.strictObject({
    metric: text('Which: `pagerank`, `betweenness`, `density`.'),
    nodes: count('How many nodes the graph has.'),
    edges: count('How many edges.'),
    values: z.record(z.string(), z.number()).optional().describe('By node, the highest ones only.'),
    duration_ms: durationMs,
  }),
  example: {
    metric: 'pagerank',
    nodes: 1200,
    edges: 5310,
    values: { 'topic:transformers': 0.031 },
    duration_ms: 84,
  },
});

export const graphEvents = [
  nodeAdded,
  nodeRemoved,
  edgeCreated,
  edgeRemoved,
  pathDiscovered,
  communityDetected,
  metricsComputed,
] as const;
