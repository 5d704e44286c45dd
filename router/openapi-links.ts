import type { JsonObject } from '../src/kernel/json.ts';
import type { Route } from './routes.ts';

/**
 * OpenAPI links: what an answer leads to, for readers of the document, for clients that walk it, and for tests that do
 * one thing after the other. Most follow from paths: whoever made, listed or read a thing finds its id there and what is
 * done with it below.
 */

/** Where in a request or in its answer a value stands (OpenAPI 3.0.3, Runtime Expressions). */
type Expression = `$${string}`;

const ID: Expression = '$response.body#/id';
const FIRST_ID: Expression = '$response.body#/data/0/id';
const FIRST_TYPE: Expression = '$response.body#/data/0/type';

/** What paths do not tell: parameters of other procedures, by the name of the one that answers. */
const OTHERS: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Expression>>>>>> = {
  'events.publish': {
    'events.get': { id: FIRST_ID },
    'events.trace': { id: FIRST_ID },
    'events.explain': { id: FIRST_ID },
  },
  'events.types': { 'events.getType': { type: FIRST_TYPE }, 'events.list': { type: FIRST_TYPE } },
  'memory.create': { 'graph.node': { id: ID } },
  'memory.consolidate': { 'memory.get': { id: ID }, 'memory.delete': { id: ID } },
  'agents.join': { 'agents.leave': { id: '$request.path.id', room: '$request.body#/room' } },
  'agents.createTool': { 'agents.useTool': { id: '$request.path.id', name: '$response.body#/name' } },
  'agents.execute': {
    'runs.get': { id: '$response.body#/run_id' },
    'runs.cancel': { id: '$response.body#/run_id' },
    'runs.replay': { id: '$response.body#/run_id' },
    'events.get': { id: '$response.body#/event_id' },
  },
  'agents.send': { 'events.get': { id: '$response.body#/event_id' } },
  'hooks.runs': { 'runs.get': { id: FIRST_ID }, 'runs.replay': { id: FIRST_ID } },
  'webhooks.deliveries': {
    'runs.get': { id: FIRST_ID },
    'webhooks.retry': { id: '$request.path.id', run_id: FIRST_ID },
  },
};

const PARAMETER = /\{(\w+)\}/g;
const parametersOf = (path: string): readonly string[] =>
  [...path.matchAll(PARAMETER)].map(([, name = '']) => name);

/** Of `/hooks/{id}/runs`: `/hooks`; undefined where something else stands first, or more than one thing is named. */
const collectionOf = (path: string): string | undefined =>
  parametersOf(path).length === 1 ? /^(\/[^/{]+)\/\{/.exec(path)?.[1] : undefined;

/** Where the answer of a route has the id that the paths below its collection want. */
const idIn = (from: Route, parameter: string): readonly [collection: string, Expression] | undefined => {
  const { method, path, status } = from;
  if (parametersOf(path).length === 0) {
    if (method === 'POST') return status === 201 ? [path, ID] : undefined;
    // Types have no other id than their name, and those that come first are ours: no one else changes them.
    return method === 'GET' && parameter !== 'type' ? [path, FIRST_ID] : undefined;
  }
  const collection = collectionOf(path);
  return collection !== undefined && method !== 'DELETE' && path === `${collection}/{${parameter}}`
    ? [collection, `$request.path.${parameter}`]
    : undefined;
};

const parametersFor = (from: Route, to: Route): Readonly<Record<string, Expression>> | undefined => {
  const told = OTHERS[from.name]?.[to.name];
  if (told !== undefined) return told;
  const collection = collectionOf(to.path);
  const [parameter] = parametersOf(to.path);
  if (collection === undefined || parameter === undefined || to === from) return undefined;
  const found = idIn(from, parameter);
  return found?.[0] === collection ? { [parameter]: found[1] } : undefined;
};

/** As the generator of the document names the operation of a procedure. */
const operationIdOf = ({ name }: Route): string => name.replaceAll('.', '-');

/** The links of the good answers of a route. */
export const linksOf = (from: Route, routes: readonly Route[]): JsonObject =>
  Object.fromEntries(
    routes.flatMap((to): [string, JsonObject][] => {
      const parameters = parametersFor(from, to);
      return parameters === undefined
        ? []
        : [[operationIdOf(to), { operationId: operationIdOf(to), parameters }]];
    }),
  );
