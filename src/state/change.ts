import type { KnownType, PayloadOf } from '../events/catalogue.ts';
import type { RegistryChange } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';

/** An event as a service means it; `write` gives it its origin and checks it against the schema. */
export type Proposal = {
  readonly [Type in KnownType]: {
    readonly type: Type;
    readonly payload: PayloadOf<Type>;
    /** The thing that it is about. */
    readonly subject: string;
    readonly room?: string | null;
  };
}[KnownType];

/** What a node of the graph stands for. Nodes of kind `tag` and `entity` live as long as an edge holds them. */
export type NodeKind = 'memory' | 'tag' | 'entity' | 'file' | 'agent';

/** A node as somebody names it: `msg_…`, `tag:ai`, `entity:deep-learning`, `file:…`, `agent:…`. Ids are of one world. */
export interface GraphNode {
  readonly id: string;
  readonly kind: NodeKind;
  /** Its name for people. */
  readonly label?: string;
}

/** From, to and kind name an edge: there is at most one of a kind between two nodes in one direction. */
export interface GraphEdgeName {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
}

/**
 * What a change of state does to the graph. Changes apply in their order, each to what the ones before it made; written
 * and told is what they come to in the end. What is there already (or gone already) changes nothing and causes no event.
 */
export type GraphChange =
  /**
   * Adds a node, or gives the one that is there this label, which no event tells. `fresh`: the caller knows that there is
   * none, so neither it nor its edges are looked for; a mistake is refused as `internal`.
   */
  | { readonly op: 'add_node'; readonly node: GraphNode; readonly fresh?: boolean }
  /**
   * Takes the node and all its edges away; tags and entities that nothing holds any more go too. Of very many edges the
   * node's event tells the number only.
   */
  | { readonly op: 'remove_node'; readonly id: string }
  /**
   * An end that does not exist is added first if it stands in `ends`; else the edge is a mistake of the caller. An edge
   * that is there gets the weight, if one is given: told as the end of the old edge and the beginning of the new one.
   */
  | {
      readonly op: 'add_edge';
      readonly edge: GraphEdgeName & { readonly weight?: number };
      readonly ends?: readonly GraphNode[];
    }
  | { readonly op: 'remove_edge'; readonly edge: GraphEdgeName; readonly reason?: string };

/** One change of state: all of it is committed, or none. */
export interface Change {
  readonly events: readonly Proposal[];
  readonly mutations: readonly Mutation[];
  readonly graph?: readonly GraphChange[];
  /** Of what reacts to events. */
  readonly registry?: readonly RegistryChange[];
}

/** Several changes as one, in this order. */
export const mergeChanges = (changes: readonly Change[]): Change => ({
  events: changes.flatMap(({ events }) => events),
  mutations: changes.flatMap(({ mutations }) => mutations),
  graph: changes.flatMap(({ graph = [] }) => graph),
  registry: changes.flatMap(({ registry = [] }) => registry),
});
