import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HookDefinition } from '../../hooks/definition.ts';
import type { AttemptContext } from '../../src/dispatch/outcome.ts';
import type { EgressRequest } from '../../src/egress/egress.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { actionInput, templateScope } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { capabilitiesFor } from './capabilities.ts';
import { runHttpAction } from './http.ts';
import { prepareAction } from './prepare.ts';
import { MARKER } from './process-tree.ts';
import { createSecretReader } from './secrets.ts';
import { PASSED_ON, shellEnvironment } from './shell-environment.ts';

const page = readFileSync(new URL('../../docs/reference/actions.md', import.meta.url), 'utf8');

const section = (title: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';

/** The first cells of a section's table, in code marks. */
const documented = (title: string): readonly string[] =>
  [...section(title).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);

const event: CrucibleEvent = {
  id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  type: 'custom.note.imported',
  version: '1.0.0',
  position: 7,
  timestamp: '2026-11-24T10:30:00.123Z',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: 'note-1',
  correlation_id: 'cor_1',
  causation_id: null,
  depth: 0,
  world: 'default',
  room: 'research',
  payload: { field: 'a' },
};
const action = { type: 'http', method: 'POST', url: 'https://example.org/' } as const;
const hook = {
  name: 'h',
  version: '1.0.0',
  permissions: ['http:fetch'],
  options: { timeout_ms: 1_000 },
  action,
} as unknown as HookDefinition;
const context = {
  event,
  run: { id: 'run_1', generation: 0, key: null, world: 'default', correlation_id: 'cor_1' },
  attempt: 1,
  idempotencyKey: 'run_1.0',
  deadline: 1_000_000,
  signal: new AbortController().signal,
} as unknown as AttemptContext;
const secrets = createSecretReader(() => undefined);
const run: ActionRun = {
  context,
  hook,
  secrets,
  scope: templateScope(context, hook, secrets),
  timeLeftMs: () => 1_000,
};

const sent: EgressRequest[] = [];
const deps = {
  egress: {
    request: async (request: EgressRequest) => {
      sent.push(request);
      return { status: 204, headers: {}, body: '', truncated: false, durationMs: 1, timings: {} };
    },
    check: async () => undefined,
    close: async () => undefined,
  },
  clock: { now: () => 0 },
  emit: async () => [],
  version: '1.2.3',
};

describe('docs/reference/actions.md', () => {
  it('lists what every action is told', () => {
    expect(documented('Told')).toEqual(Object.keys(actionInput(run, null)));
  });

  it('lists the headers of requests', async () => {
    const prepared = prepareAction(action);
    if (prepared.type !== 'http') throw new Error('not an http action');
    await runHttpAction(run, prepared, deps);
    expect(documented('Requests').map((name) => name.toLowerCase())).toEqual(
      Object.keys(sent.pop()?.headers ?? {}),
    );
  });

  it('names the headers of what scripts fetch', async () => {
    await capabilitiesFor(run, deps)['http.fetch']?.(['https://example.org/']);
    const sentence = /^`crucible\.http\.fetch`.* sets (.*)\.$/m.exec(section('Requests'))?.[1] ?? '';
    expect([...sentence.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.toLowerCase())).toEqual(
      Object.keys(sent.pop()?.headers ?? {}),
    );
  });

  it('lists the variables of commands', () => {
    const variables = Object.keys(shellEnvironment(run, {}, {}));
    expect(
      documented('Commands')
        .map((name) => name.replace('<FIELD>', 'FIELD'))
        .toSorted(),
    ).toEqual([...variables, MARKER].toSorted());
    const [before = ''] = section('Commands').split('the hook');
    expect([...before.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name)).toEqual([...PASSED_ON]);
  });
});
