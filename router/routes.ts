import type { AnyProcedure, AnyRouter } from '@trpc/server';
import { z } from 'zod';
import type { Permission } from '../src/access/permission.ts';
import type { LeaderCase, ProcedureMeta } from './trpc.ts';

export type RestMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A procedure as REST sees it. */
export interface Route {
  readonly method: RestMethod;
  /** Under `/api/v1`, with `{parameters}`. */
  readonly path: string;
  readonly status: number;
  /** Whether this good answer is a 202 instead; undefined: none ever is. */
  readonly accepted?: ((answer: unknown) => boolean) | undefined;
  readonly permission: Permission | 'public';
  /** Takes an Idempotency-Key: a POST that changes something, and is not harmless to repeat by its nature. */
  readonly remembersKeys: boolean;
  /** The dotted name of the procedure. */
  readonly name: string;
  readonly procedure: AnyProcedure;
  readonly type: 'query' | 'mutation' | 'subscription';
  /** The one object that path, query and body are put together to. */
  readonly input: z.ZodObject;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE']);
const isRestMethod = (method: string): method is RestMethod => METHODS.has(method);

/** Procedures by their dotted names. tRPC keeps them so; its types call the record `any`. */
export const proceduresOf = (router: AnyRouter): ReadonlyMap<string, AnyProcedure> => {
  const { _def: definition } = router;
  return new Map(Object.entries(definition.procedures as Record<string, AnyProcedure>));
};

const definitionOf = ({ _def: definition }: AnyProcedure): AnyProcedure['_def'] => definition;

export const metaOf = (procedure: AnyProcedure): ProcedureMeta =>
  (definitionOf(procedure).meta ?? {}) as ProcedureMeta;

/** The declared input; every procedure has exactly one, an object. @throws Error for a procedure without, at start-up */
const inputOf = (name: string, procedure: AnyProcedure): z.ZodObject => {
  const [input, ...others] = (definitionOf(procedure) as unknown as { readonly inputs: readonly unknown[] })
    .inputs;
  if (!(input instanceof z.ZodObject) || others.length > 0)
    throw new Error(`${name} needs one object schema as input`);
  return input;
};

/**
 * Every procedure that stands in REST.
 * @throws Error for a procedure without permission, method or object input: such a server must not start
 */
export const routesOf = (router: AnyRouter): readonly Route[] =>
  [...proceduresOf(router)].flatMap(([name, procedure]): Route[] => {
    const { openapi, permission, status = 200, accepted, repeatable = false } = metaOf(procedure);
    if (permission === undefined) throw new Error(`${name} declares no permission`);
    if (openapi === undefined) return [];
    const { method, path } = openapi;
    if (!isRestMethod(method)) throw new Error(`${name} has the unknown method ${method}`);
    const { type } = definitionOf(procedure);
    return [
      {
        method,
        path,
        status,
        accepted,
        permission,
        name,
        procedure,
        type,
        remembersKeys: method === 'POST' && type === 'mutation' && !repeatable,
        input: inputOf(name, procedure),
      },
    ];
  });

/**
 * Whether a server that follows another one sends this on to it, instead of answering itself: all that changes something,
 * since decisions stand on the memory of the one that decides, and the reads that say so.
 * @param cases which hold here
 */
export const isForLeader = (procedure: AnyProcedure, cases: ReadonlySet<LeaderCase>): boolean =>
  definitionOf(procedure).type === 'mutation' ||
  metaOf(procedure).askLeader?.some((one) => cases.has(one)) === true;
