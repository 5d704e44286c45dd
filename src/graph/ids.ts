import { createHash } from 'node:crypto';
import type { GraphEdgeName } from '../state/change.ts';

/** The same world, ends and kind give the same edge: there is at most one of a kind between two nodes in one direction. */
export const edgeIdOf = (world: string, { from, to, kind }: GraphEdgeName): string => {
  const hash = createHash('sha256').update([world, from, kind, to].join('\n')).digest('hex');
  return `edge_${hash.slice(0, 32)}`;
};

/** Nodes and edges are named within their world; their rows are not. */
export const rowIdOf = (world: string, id: string): string => `${world}/${id}`;
