import type { Snapshot } from './snapshot.ts';

/** What is computed: each is a task of the analysis thread. */
export type Task =
  | { readonly kind: 'communities'; readonly resolution: number }
  | { readonly kind: 'pagerank' }
  | { readonly kind: 'betweenness' };

/** By the number of the node. */
export interface Outcome {
  /** `communities`: the number of its community; else its value. */
  readonly values: Float64Array<ArrayBuffer>;
  /** Of a partition into communities. */
  readonly modularity?: number;
}

export interface ToThread {
  readonly id: number;
  readonly task: Task;
  readonly order: number;
  readonly graph: Omit<Snapshot, 'ids'>;
}

export type FromThread =
  { readonly id: number; readonly outcome: Outcome } | { readonly id: number; readonly failure: string };
