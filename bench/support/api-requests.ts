import type { Dispatcher } from 'undici';
import { createRandom } from './random.ts';

/** One request to either server. */
export interface ApiRequest {
  readonly kind: string;
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body?: object;
  readonly status: number;
  /** Given the body of the answer. */
  readonly onAnswer?: (answer: unknown) => void;
}

type Send = (request: ApiRequest) => Promise<void>;

const EVENTS = 2_000;
const EVENTS_A_REQUEST = 100;
const EVENT_TYPES = 20;
const MEMORIES = 400;
const TAGS = 20;
const SEEDING = 8;
const WORDS = 60;
const VOCABULARY = 3_000;
/** So many new events and memories may also be asked for. */
const KNOWN = 2_000;

/** Of 100 requests. */
export const MIX = {
  'GET /events/{id}': 20,
  'GET /events?type=': 15,
  'GET /memory/{id}': 15,
  'POST /memory/query by tag': 10,
  'GET /graph/nodes/{id}': 10,
  'POST /events': 15,
  'POST /memory': 10,
  'POST /memory/{id}/tag': 5,
} as const;

type Kind = keyof typeof MIX;

export const READS: readonly string[] = Object.keys(MIX).slice(0, 5);

/**
 * A world of 2,000 events and 400 memories, twenty to a tag, and requests about it: the same ones for each server, in the
 * same order, but for the ids. New memories have other tags than those that are asked for, so that a query does not grow.
 */
export const createRequests = () => {
  const random = createRandom();
  const below = (n: number): number => Math.floor(n * random());
  const events: string[] = [];
  const memories: string[] = [];
  const untagged: string[] = [];
  let made = 0;

  const text = (tag: string): string => {
    const words = Array.from({ length: WORDS }, () => `word${Math.floor(VOCABULARY * random() ** 3)}x`);
    return `# Note ${made}\n${words.join(' ')}\nsee [[note-${below(MEMORIES)}]] ${tag}`;
  };
  const keep = (known: string[], id: string): void => {
    if (known.length < KNOWN) known.push(id);
    else known[below(KNOWN)] = id;
  };
  const any = (known: readonly string[]): string => known[below(known.length)] ?? '';
  const newEvent = () => ({
    type: `custom.bench.type-${below(EVENT_TYPES)}`,
    payload: { title: `Note ${made}`, tags: ['#ai', '#research'], content: 'Lorem ipsum dolor sit amet' },
  });

  const publish = (body: object): ApiRequest => ({
    kind: 'POST /events',
    method: 'POST',
    path: '/events',
    body,
    status: 201,
    onAnswer: (answer) => {
      for (const { id } of (answer as { data: { id: string }[] }).data) keep(events, id);
    },
  });
  const create = (tag: string): ApiRequest => {
    const body = { name: `note-${made}`, content: text(tag) };
    made += 1;
    return {
      kind: 'POST /memory',
      method: 'POST',
      path: '/memory',
      body,
      status: 201,
      onAnswer: (answer) => {
        const { id } = answer as { id: string };
        keep(memories, id);
        untagged.push(id);
      },
    };
  };
  const get = (path: string) => ({ method: 'GET', path, status: 200 }) as const;
  const makers: { readonly [kind in Kind]: () => Omit<ApiRequest, 'kind'> } = {
    'GET /events/{id}': () => get(`/events/${any(events)}`),
    'GET /events?type=': () => get(`/events?type=custom.bench.type-${below(EVENT_TYPES)}&limit=20`),
    'GET /memory/{id}': () => get(`/memory/${any(memories)}`),
    'POST /memory/query by tag': () => ({
      method: 'POST',
      path: '/memory/query',
      body: { tags: [`#seed-${below(TAGS)}`], limit: 20 },
      status: 200,
    }),
    'GET /graph/nodes/{id}': () => get(`/graph/nodes/${any(memories)}`),
    'POST /events': () => publish(newEvent()),
    'POST /memory': () => create(`#topic-${below(500)} #new`),
    'POST /memory/{id}/tag': () => ({
      method: 'POST',
      path: `/memory/${untagged.shift() ?? any(memories)}/tag`,
      body: { tag: `#mark-${below(500)}` },
      status: 200,
    }),
  };
  const deck = (Object.keys(MIX) as Kind[]).flatMap((kind) => Array.from({ length: MIX[kind] }, () => kind));

  return {
    seed: async (send: Send): Promise<void> => {
      for (let n = 0; n < EVENTS; n += EVENTS_A_REQUEST)
        await send(publish({ events: Array.from({ length: EVENTS_A_REQUEST }, newEvent) }));
      const work = Array.from({ length: MEMORIES }, (_, n) => create(`#seed-${n % TAGS}`));
      await Promise.all(
        Array.from({ length: SEEDING }, async () => {
          for (let next = work.shift(); next !== undefined; next = work.shift()) await send(next);
        }),
      );
    },
    next: (): ApiRequest => {
      const kind = deck[below(deck.length)] ?? 'POST /events';
      return { kind, ...makers[kind]() };
    },
  };
};
