import type { Issue } from '../../src/kernel/errors.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { HookDefinition } from '../definition.ts';
import { below, readFields } from './fields.ts';
import * as schema from './schema.ts';

const PATH = 'tests';
const MAX_TESTS = 100;

/** A file's own tests: an event as it might come, and what the hook should make of it. */
export const readTests = (value: unknown): { tests: HookDefinition['tests']; issues: readonly Issue[] } => {
  if (value === undefined) return { tests: [], issues: [] };
  if (!Array.isArray(value))
    return {
      tests: [],
      issues: [{ path: PATH, message: 'must be a list', hint: 'begin each test with a dash' }],
    };
  if (value.length > MAX_TESTS)
    return { tests: [], issues: [{ path: PATH, message: `must hold at most ${MAX_TESTS} tests` }] };
  const read = value.map((test: unknown, index) => readTest(test, below(PATH, index)));
  return {
    tests: read.flatMap(({ test }) => (test === undefined ? [] : [test])),
    issues: read.flatMap(({ issues }) => issues),
  };
};

const readTest = (value: unknown, path: string) => {
  const { fields, issues } = readFields(value, path, 'a test', {
    event: schema.someMapping,
    expect: schema.someMapping,
  });
  const event =
    fields.event === undefined
      ? undefined
      : readFields(fields.event, below(path, 'event'), 'an event', EVENT);
  const expect =
    fields.expect === undefined
      ? undefined
      : readFields(fields.expect, below(path, 'expect'), 'an expectation', EXPECT);
  const all: readonly Issue[] = [...issues, ...(event?.issues ?? []), ...(expect?.issues ?? [])];
  const test =
    fields.event === undefined || fields.expect === undefined || all.length > 0
      ? undefined
      : { event: fields.event as JsonObject, expect: fields.expect as JsonObject };
  return { test, issues: all };
};

/** An event of a test may leave out what the log would give it. */
const EVENT = {
  type: schema.named,
  payload: schema.mapping,
  subject: schema.named.nullable().optional(),
  actor: schema.named.optional(),
  source: schema.mapping,
  world: schema.named.optional(),
  room: schema.named.nullable().optional(),
  correlation_id: schema.named.optional(),
};

const EXPECT = { matched: schema.flag, inputs: schema.json.optional(), action: schema.json.optional() };
