import type { GraphChange, GraphNode, Proposal } from '../../state/change.ts';
import { entitySlug, normaliseName } from '../names.ts';
import type { CardRow, Edge, TextLink } from '../tables.ts';

/** Kinds of edges that links added by hand cannot have: they say what the graph knows by itself. */
export const RESERVED_KINDS: ReadonlySet<string> = new Set([
  'links_to',
  'tagged',
  'mentions',
  'stored_in',
  'consolidated_from',
  'authored_by',
]);

const edgeKey = ({ kind, to }: Edge): string => `${kind}\n${to}`;

export const tagsOf = (card: Pick<CardRow, 'text_tags' | 'added_tags'>): readonly string[] => [
  ...new Set([...card.text_tags, ...card.added_tags]),
];

/** Every name that means this memory, as names are compared. */
export const namesOf = (card: CardRow): readonly string[] => {
  if (card.state !== 'active') return [];
  const own = [
    ...(card.title_is_name ? [card.title] : []),
    ...(card.name === null ? [] : [card.name]),
    ...card.aliases,
  ];
  return [...new Set([...own.flatMap((name) => normaliseName(name) ?? []), ...card.inherited])];
};

/** What a card points to, as references are found by. */
export const referencesOf = (card: CardRow): readonly string[] => {
  if (card.state !== 'active') return [];
  const names = card.links.flatMap(({ name, other }) => (other === null ? [name] : [name, other]));
  const memories = [...card.added_links.map(({ to }) => to), ...card.sources];
  return [...new Set([...names.map((name) => `n:${name}`), ...memories.map((id) => `m:${id}`)])];
};

/** Whom a link of the text means, given whom names mean. */
export const targetOf = (link: TextLink, ownerOf: (name: string) => string | undefined): string | undefined =>
  ownerOf(link.name) ?? (link.other === null ? undefined : ownerOf(link.other));

/** The entity that stands for a name that no memory has: of a path its last part. */
export const entityOf = (link: TextLink): string => `entity:${entitySlug(link.other ?? link.name)}`;

/** The edges that the graph should have of a memory, each once. */
export const wantedEdges = (
  card: CardRow,
  ownerOf: (name: string) => string | undefined,
): ReadonlyMap<string, Edge> => {
  const edges = new Map<string, Edge>();
  const add = (kind: string, to: string, weight: number | null = null): void => {
    const edge = { kind, to, weight };
    if (to !== card.id) edges.set(edgeKey(edge), edge);
  };
  if (card.state !== 'active') return edges;
  // First, see `isFragile`.
  if (card.agent !== null) add('authored_by', `agent:${card.agent}`);
  if (card.file !== null) add('stored_in', card.file.id);
  for (const tag of tagsOf(card)) add('tagged', `tag:${tag.slice(1)}`);
  for (const { slug } of card.entities) add('mentions', `entity:${slug}`);
  for (const link of card.links) {
    const target = targetOf(link, ownerOf);
    if (target === undefined) add('mentions', entityOf(link));
    else add('links_to', target);
  }
  for (const { to, kind, strength } of card.added_links) add(kind, to, strength);
  for (const source of card.sources) add('consolidated_from', source);
  return edges;
};

/** The node at the end of an edge, where the edge may bring it along. */
const endOf = (card: CardRow, { to }: Edge): GraphNode | undefined => {
  if (to.startsWith('tag:')) return { id: to, kind: 'tag', label: `#${to.slice('tag:'.length)}` };
  if (to.startsWith('entity:')) {
    const label =
      card.entities.find(({ slug }) => `entity:${slug}` === to)?.label ??
      card.links.find((link) => entityOf(link) === to)?.label;
    return { id: to, kind: 'entity', ...(label === undefined ? {} : { label }) };
  }
  if (card.file?.id === to) {
    const { label } = card.file;
    return { id: to, kind: 'file', ...(label === null ? {} : { label }) };
  }
  return undefined;
};

/** Links between memories are told as such; what else an edge means is told by the graph, and by the tags. */
const isLink = ({ kind, to }: Edge): boolean => to.startsWith('msg_') && kind !== 'consolidated_from';

const linked = (id: string, { to, kind, weight }: Edge): Proposal => ({
  type: 'memory.linked',
  payload: { id, target: to, kind, ...(weight === null ? {} : { strength: weight }) },
  subject: id,
});
const unlinked = (id: string, { to, kind }: Edge): Proposal => ({
  type: 'memory.unlinked',
  payload: { id, target: to, kind },
  subject: id,
});

/** Nobody keeps the other end for the memory's sake: it may be gone in the next transaction. */
const isFragile = ({ kind }: Edge): boolean => kind === 'authored_by' || kind === 'stored_in';

export interface EdgeStep {
  readonly edges: readonly Edge[];
  readonly graph: readonly GraphChange[];
  readonly events: readonly Proposal[];
  /** Whether the edges are now as wanted. */
  readonly done: boolean;
}

/**
 * The next step from the edges that a card has to the wanted ones: what goes first, then what comes.
 * @param room how many edges may change; the two that may not wait come even if there is none
 */
export const stepEdges = (card: CardRow, wanted: ReadonlyMap<string, Edge>, room: number): EdgeStep => {
  const has = new Map(card.edges.map((edge) => [edgeKey(edge), edge]));
  const gone = card.edges.filter((edge) => !wanted.has(edgeKey(edge)));
  const fresh = [...wanted.values()].filter((edge) => {
    const present = has.get(edgeKey(edge));
    return present === undefined || present.weight !== edge.weight;
  });
  const go = gone.slice(0, room);
  const come = fresh.slice(0, Math.max(room - go.length, fresh.filter(isFragile).length));
  for (const edge of go) has.delete(edgeKey(edge));
  for (const edge of come) has.set(edgeKey(edge), edge);
  const { id } = card;
  return {
    edges: [...has.values()],
    graph: [
      ...go.map(({ kind, to }): GraphChange => ({ op: 'remove_edge', edge: { from: id, to, kind } })),
      ...come.map((edge): GraphChange => {
        const { kind, to, weight } = edge;
        const end = endOf(card, edge);
        return {
          op: 'add_edge',
          edge: { from: id, to, kind, ...(weight === null ? {} : { weight }) },
          ...(end === undefined ? {} : { ends: [end] }),
        };
      }),
    ],
    events: [
      ...go.filter(isLink).map((edge) => unlinked(id, edge)),
      ...come.filter(isLink).map((edge) => linked(id, edge)),
    ],
    done: go.length === gone.length && come.length === fresh.length,
  };
};
