/** The graph: what memories, tags, entities, files and agents have to do with each other. One graph for each world. */
import type { Direction } from './walk.ts';

export const PATH_ALGORITHMS = ['shortest', 'weighted', 'all'] as const;
type PathAlgorithm = (typeof PATH_ALGORITHMS)[number];

export const METRICS = ['pagerank', 'degree', 'betweenness', 'density'] as const;
export type Metric = (typeof METRICS)[number];

export interface NodeBrief {
  readonly id: string;
  readonly kind: string;
  readonly label: string | null;
}

export interface NodeView extends NodeBrief {
  /** How many ends of edges it has: `in` and `out` together. */
  readonly degree: number;
  readonly in: number;
  readonly out: number;
  /** How many other nodes it has edges with. */
  readonly neighbours: number;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
}

export interface EdgeView {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly weight: number | null;
}

export interface EdgeQuery {
  readonly from?: string;
  readonly to?: string;
  /** At either end. */
  readonly node?: string;
  readonly type?: string;
  /** 1 to 1,000 */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly after?: string;
}

export interface EdgePage {
  /** May be short or empty although there is a `next`: one read is bounded. */
  readonly edges: readonly EdgeView[];
  readonly next: string | null;
}

export interface WalkOptions {
  /** Default `any`. */
  readonly direction?: Direction;
  /** Kinds of edges; default all. */
  readonly types?: readonly string[];
}

interface TraverseQuery extends WalkOptions {
  readonly start: string;
  /** How many edges away, at most. */
  readonly depth: number;
  /** How many nodes, at most. */
  readonly limit: number;
}

interface TraverseView {
  readonly nodes: readonly (NodeBrief & { readonly distance: number })[];
  readonly edges: readonly EdgeView[];
  readonly truncated: boolean;
}

export interface PathQuery extends WalkOptions {
  readonly from: string;
  readonly to: string;
  readonly algorithm: PathAlgorithm;
  /** How many paths, at most; of `all` only. */
  readonly max: number;
  /** In edges. Not of `weighted`. */
  readonly max_length: number;
}

export interface PathView {
  readonly nodes: readonly string[];
  readonly edges: readonly EdgeView[];
  /** In edges. */
  readonly length: number;
  /** The sum of its edges' weights; an edge without one counts 1. */
  readonly weight: number;
  /** The sum of 1 / weight: what `weighted` keeps low. Null over an edge that weighs nothing. */
  readonly cost: number | null;
}

export interface PathsView {
  readonly paths: readonly PathView[];
  readonly truncated: boolean;
}

interface CommunityQuery {
  /** More than 1 gives more and smaller communities, less gives fewer and larger ones. */
  readonly resolution: number;
  readonly min_size: number;
  /** How many communities, at most. */
  readonly limit: number;
  /** How many nodes of each, at most. */
  readonly members: number;
}

interface CommunitiesView {
  readonly communities: readonly {
    /** The same as long as it has the same members. */
    readonly id: string;
    readonly size: number;
    /** Those with most edges first. */
    readonly nodes: readonly NodeBrief[];
  }[];
  /** How many there are of this size, shown or not. */
  readonly total: number;
  readonly modularity: number;
  readonly nodes: number;
  readonly edges: number;
}

interface MetricsView {
  readonly metric: Metric;
  readonly nodes: number;
  readonly edges: number;
  /** Of the whole graph; null for a metric of nodes. */
  readonly value: number | null;
  /** The highest first. */
  readonly values: readonly (NodeBrief & { readonly value: number })[];
}

/**
 * Questions about the graph of a world. Whatever an acknowledged write did is seen. What others ask for the first time is
 * told by an event: `graph.path_discovered`, `graph.community_detected`, `graph.metrics_computed`.
 */
export interface GraphService {
  /** @throws CrucibleError `not_found` */
  node(world: string, id: string): Promise<NodeView>;
  /** In the order of their ids. */
  edges(world: string, query: EdgeQuery): Promise<EdgePage>;
  /** @throws CrucibleError `invalid` (`start`) */
  traverse(world: string, query: TraverseQuery): Promise<TraverseView>;
  /** @throws CrucibleError `invalid` (`from`, `to`; from itself to itself), and those of `StateWriter.write` */
  paths(world: string, query: PathQuery): Promise<PathsView>;
  /** @throws CrucibleError those of `StateWriter.write` */
  communities(world: string, query: CommunityQuery): Promise<CommunitiesView>;
  /** @throws CrucibleError `invalid` (too large a graph for `betweenness`), and those of `StateWriter.write` */
  metrics(world: string, query: { readonly metric: Metric; readonly limit: number }): Promise<MetricsView>;
}
