/**
 * What a change of a hook writes. Pure: each function answers one request for the log, whole, so that the row, the
 * definition, the event and what matches change together or not at all. A guard on what was read (`when`) makes the
 * request a `conflict` if somebody else was faster.
 */
import { DEFINITION_TABLE } from '../../src/dispatch/run.ts';
import type { Target, TargetChange } from '../../src/dispatch/target.ts';
import type { NewEvent } from '../../src/events/envelope.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { AppendRequest } from '../../src/log/log.ts';
import type { Mutation } from '../../src/log/records.ts';
import type { HookDefinition } from '../definition.ts';
import { asJson } from '../validate.ts';
import { HOOK_TABLE, type HookRow } from './row.ts';
import { targetId } from './target.ts';

/** A hook as it is to be. */
export interface Wanted {
  readonly definition: HookDefinition;
  readonly hash: string;
  readonly enabled: boolean;
  readonly file: string | null;
  /** What is wrong with the newest version of its file, if that is another one. */
  readonly errors: readonly JsonObject[];
}

/** The payload of `hook.registered` for it. */
export const registeredPayload = ({ definition, hash, enabled, file }: Wanted) => ({
  hook: definition.name,
  hash,
  version: definition.version,
  file,
  enabled,
});

/** @param before its row as it was read; undefined: there is none */
export const registration = (
  wanted: Wanted,
  before: HookRow | undefined,
  { event, target, now }: { readonly event: NewEvent; readonly target: Target; readonly now: number },
): AppendRequest => {
  const { definition, hash, enabled, file, errors } = wanted;
  const set = { hash, enabled, worlds: definition.worlds, file, errors, updated_at: now };
  const table = HOOK_TABLE.name;
  const id = definition.name;
  const change: TargetChange = { kind: 'target_set', target };
  return {
    events: [event],
    mutations: [
      {
        op: 'put',
        table: DEFINITION_TABLE.name,
        row: { id: hash, kind: 'hook', definition: asJson(definition) },
      },
      before === undefined
        ? { op: 'create', table, row: { id, ...set, created_at: now } }
        : { op: 'patch', table, id, when: guardOf(before), set },
    ],
    changes: [change],
  };
};

export const removal = (before: HookRow, event: NewEvent): AppendRequest => {
  const change: TargetChange = { kind: 'target_removed', id: targetId(before.id) };
  return {
    events: [event],
    mutations: [
      { op: 'patch', table: HOOK_TABLE.name, id: before.id, when: guardOf(before), set: {} },
      { op: 'remove', table: HOOK_TABLE.name, id: before.id },
    ],
    changes: [change],
  };
};

/** The errors of a file, with the event that tells of them; nothing that matches changes. */
export const errorsOf = (
  before: HookRow | undefined,
  errors: readonly JsonObject[],
  events: readonly NewEvent[],
): AppendRequest => {
  const mutations: Mutation[] =
    before === undefined
      ? []
      : [{ op: 'patch', table: HOOK_TABLE.name, id: before.id, when: guardOf(before), set: { errors } }];
  return { events, mutations };
};

const guardOf = ({ hash, enabled, file }: HookRow) => ({ hash, enabled, file });
