import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

/** What is compared: the same shape made of events (`projector.ts`) and of rows (`stored.ts`). Times are ISO texts. */
export interface State {
  readonly memories: Map<string, MemoryState>;
  readonly nodes: Map<string, { readonly kind: string; label: string | null; degree: number }>;
  readonly edges: Map<string, EdgeState>;
  readonly files: Map<string, FileState>;
  readonly directories: Map<string, object>;
  readonly agents: Map<string, AgentState>;
  readonly rooms: Map<string, RoomState>;
  readonly tools: Map<string, { readonly description: string | null; readonly parameters: JsonValue }>;
  readonly worlds: Map<string, { readonly name: string | null; readonly created: boolean }>;
}

export interface MemoryState {
  readonly world: string;
  readonly name: string | null;
  readonly title: string;
  readonly content: string;
  readonly hash: string;
  readonly metadata: JsonObject;
  tags: readonly string[];
  links: readonly { readonly to: string; readonly kind: string; readonly strength: number | null }[];
  consolidated_into: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface EdgeState {
  readonly world: string;
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly weight: number | null;
}

export interface FileState {
  readonly size: number | null;
  readonly modified_at: string | null;
  readonly hash: string | null;
  memory_id: string | null;
  node: string | null;
  error: { readonly code: string; readonly message: string } | null;
  readonly created_at: string;
}

export interface AgentState {
  readonly name: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly actions: readonly JsonValue[];
  readonly metadata: JsonObject;
  rooms: readonly string[];
  readonly created_at: string;
}

export interface RoomState {
  readonly name: string | null;
  readonly metadata: JsonObject;
  readonly members: Set<string>;
  readonly created_at: string;
}

export const emptyState = (): State => ({
  memories: new Map(),
  nodes: new Map(),
  edges: new Map(),
  files: new Map(),
  directories: new Map(),
  agents: new Map(),
  rooms: new Map(),
  tools: new Map(),
  worlds: new Map(),
});

export const keyOf = (...parts: readonly string[]): string => parts.join('/');
export const edgeKey = ({ world, from, to, kind }: Omit<EdgeState, 'weight'>): string =>
  keyOf(world, `${from} -${kind}-> ${to}`);

const TIMES = ['created_at', 'updated_at'] as const;
type Timed = { readonly [Time in (typeof TIMES)[number]]?: string };

/** The state as plain JSON in a stable order, without times. */
export const comparable = (state: State): Record<string, Record<string, JsonValue>> =>
  Object.fromEntries(
    Object.entries(state).map(([part, map]: [string, Map<string, object>]) => [
      part,
      Object.fromEntries(
        [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, plain(value)]),
      ),
    ]),
  );

const plain = (value: object): JsonValue =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) => {
      if ((TIMES as readonly string[]).includes(key)) return undefined;
      if (item instanceof Set) return [...(item as Set<string>)].toSorted();
      if (key === 'links' && Array.isArray(item)) return item.map((link) => JSON.stringify(link)).toSorted();
      return item;
    }),
  ) as JsonValue;

/**
 * The times in rows that are later than the event that tells of them. A row has the time of the decision and the event
 * that of the commit, which follows it: they are not the same.
 */
export const lateTimes = (stored: State, told: State): readonly string[] =>
  (['memories', 'agents', 'rooms'] as const).flatMap((part) =>
    [...stored[part]].flatMap(([key, value]) => {
      const other: Timed | undefined = told[part].get(key);
      return TIMES.flatMap((time) => {
        const [has, said] = [(value as Timed)[time], other?.[time]];
        return has !== undefined && said !== undefined && has > said
          ? [`${part} ${key} ${time}: ${has}, told ${said}`]
          : [];
      });
    }),
  );

/** A state as it goes between processes. */
export type StoredJson = { readonly [Part in keyof State]: readonly (readonly [string, JsonValue])[] };

export const storedJson = (state: State): StoredJson =>
  Object.fromEntries(
    Object.entries(state).map(([part, map]: [string, Map<string, object>]) => [
      part,
      [...map].map(([key, value]) => [
        key,
        JSON.parse(
          JSON.stringify(value, (_key, item: unknown) =>
            item instanceof Set ? [...(item as Set<string>)] : item,
          ),
        ) as JsonValue,
      ]),
    ]),
  ) as unknown as StoredJson;

/** Undoes {@link storedJson}; of sets there are lists now, which are compared the same. */
export const stateOf = (json: StoredJson): State =>
  Object.fromEntries(
    Object.entries(json).map(([part, entries]) => [part, new Map(entries)]),
  ) as unknown as State;
