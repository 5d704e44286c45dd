import { z } from 'zod';
import type { EdgeView, NodeView } from '../src/graph/graph.ts';
import { nextCursorSchema, timeSchema } from './schemas.ts';
import { isoTime } from './time.ts';

const nodeIdOut = z.string().meta({ example: 'tag:ai' });

const briefShape = {
  id: nodeIdOut,
  kind: z.string().meta({ description: '`memory`, `tag`, `entity`, `file` or `agent`.', example: 'tag' }),
  label: z.string().nullable().meta({ description: 'Its name for people.', example: '#ai' }),
};
const briefSchema = z.object(briefShape);

export const nodeSchema = z.object({
  ...briefShape,
  degree: z.int().meta({ description: 'How many ends of edges it has: `in` and `out` together.' }),
  in: z.int(),
  out: z.int(),
  neighbours: z.int().meta({ description: 'How many other nodes it has edges with.' }),
  created_at: timeSchema,
});

export const nodeView = (node: NodeView): z.output<typeof nodeSchema> => ({
  ...node,
  created_at: isoTime(node.created_at),
});

const edgeSchema = z.object({
  id: z.string().meta({ example: 'edge_5f0c3b1c7d7e4a0b9f3f6f4c2a1b0d9e' }),
  from: nodeIdOut,
  to: nodeIdOut,
  type: z.string().meta({ description: 'What events call its `kind`.', example: 'links_to' }),
  weight: z.number().nullable().meta({ description: 'How strong it is; null: nothing was said, counts 1.' }),
});

export const edgeView = ({ kind, ...edge }: EdgeView): z.output<typeof edgeSchema> => ({
  ...edge,
  type: kind,
});

export const edgePageSchema = z.object({
  data: z.array(edgeSchema).readonly(),
  next_cursor: nextCursorSchema,
});

const truncatedSchema = z.boolean().meta({
  description: 'There is more than this: a limit, or the work that a request may cause, was reached.',
});

export const traversalSchema = z.object({
  nodes: z
    .array(z.object({ ...briefShape, distance: z.int().meta({ description: 'In edges from the start.' }) }))
    .readonly()
    .meta({ description: 'The nearest first; the start is the first.' }),
  edges: z.array(edgeSchema).readonly().meta({ description: 'Those met on the way between these nodes.' }),
  truncated: truncatedSchema,
});

export const pathsSchema = z.object({
  paths: z
    .array(
      z.object({
        nodes: z.array(z.string()).readonly().meta({ description: 'All nodes on it, in order.' }),
        edges: z
          .array(edgeSchema)
          .readonly()
          .meta({ description: 'One between each two of them, in order.' }),
        length: z.int().meta({ description: 'How many edges it has.' }),
        weight: z.number().meta({ description: 'The sum of their weights.' }),
        cost: z
          .number()
          .nullable()
          .meta({ description: 'The sum of 1 / weight; null where an edge weighs nothing.' }),
      }),
    )
    .readonly()
    .meta({ description: 'Empty: there is none.' }),
  truncated: truncatedSchema,
});

export const communitiesSchema = z.object({
  communities: z
    .array(
      z.object({
        id: z.string().meta({
          description: 'The same as long as it has the same members.',
          example: 'community_5f0c3b1c7d7e4a0b',
        }),
        size: z.int().meta({ description: 'How many members it has, shown or not.' }),
        nodes: z.array(briefSchema).readonly().meta({ description: 'Those with the most edges first.' }),
      }),
    )
    .readonly()
    .meta({ description: 'The largest first.' }),
  total: z.int().meta({ description: 'How many communities of this size there are, shown or not.' }),
  modularity: z.number().meta({ description: 'How well they divide the graph, -0.5 to 1.' }),
  nodes: z.int().meta({ description: 'How many nodes the graph has.' }),
  edges: z.int(),
});

export const metricsSchema = z.object({
  metric: z.string().meta({ example: 'pagerank' }),
  nodes: z.int(),
  edges: z.int(),
  value: z.number().nullable().meta({ description: 'Of the whole graph; null for a metric of nodes.' }),
  values: z
    .array(z.object({ ...briefShape, value: z.number() }))
    .readonly()
    .meta({ description: 'The highest first.' }),
});
