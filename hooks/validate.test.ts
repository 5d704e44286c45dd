import * as fc from 'fast-check';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgress } from '../src/egress/create.ts';
import { catalogue } from '../src/events/catalogue.ts';
import type { Issue } from '../src/kernel/errors.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createSandbox } from '../src/sandbox/create.ts';
import { createHookValidator, formatIssue } from './validate.ts';

const sandbox = createSandbox({ runners: 1, logger: silentLogger });
const egress = createEgress({
  policy: { allow: [], anyPortInAllowed: false },
  // No name server: every public name has one public address.
  resolve: async () => ['93.184.215.14'],
  logger: silentLogger,
});
const validator = createHookValidator({ catalogue, sandbox, egress });
let root = '';

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'hooks-validate-'));
  await mkdir(path.join(root, 'sub'));
  await writeFile(path.join(root, 'good.js'), 'export default async () => ({});\n');
  await writeFile(path.join(root, 'bad.js'), 'export default async () => {\n  return {{;\n};\n');
  await writeFile(path.join(root, 'nothing.js'), 'const x = 1;\n');
  await writeFile(path.join(root, 'binary.js'), new Uint8Array([0xff, 0xfe, 0x00]));
  await writeFile(path.join(root, 'huge.js'), ' '.repeat(300 * 1024));
  await symlink(os.tmpdir(), path.join(root, 'away'));
  await symlink(path.join(root, 'good.js'), path.join(root, 'within.js'));
  await symlink('/etc/hostname', path.join(root, 'link.js'));
});

afterAll(async () => {
  await Promise.all([sandbox.close(), egress.close()]);
  await rm(root, { recursive: true, force: true });
});

const check = async (text: string, folder = root) => {
  const candidate = await validator.readText({ text, place: { root, folder }, worlds: ['default'] });
  const { issues } = await validator.probe(candidate);
  return { candidate, issues };
};

const HTTP = 'action: { type: http, url: "https://ntfy.example.org/x" }';
const EVENTS = 'trigger: { events: [{ type: memory.tagged }] }';
const SCRIPT = 'action: { type: script, script: good.js }';

const hook = (...lines: string[]): string => `---\n${lines.join('\n')}\n---\n# Documentation\n`;
const named = (...lines: string[]): string => hook('name: a', ...lines);

const shown = (issues: readonly Issue[]): readonly string[] =>
  issues.map((issue) => formatIssue('a.md', issue));

describe('a hook file', () => {
  it('reads the file of the design, whole', async () => {
    const text = `---
name: notify-important                 # also the id: [a-z0-9-], unique
description: Push a notification when a memory is tagged important
version: 1.2.3
trigger:
  timing: post
  events:
    - { type: memory.tagged, filter: { tag: { equals: "#important" } } }
condition:
  when: size(event.payload.tag) > 1
action:
  type: http
  method: POST
  url: https://ntfy.example.org/crucible
  body: { title: "Important note", message: "{{event.payload.id}}" }
options:
  timeout_ms: 10000
  retry: { max_attempts: 3, backoff: exponential, initial_ms: 1000, max_ms: 60000 }
tests:
  - { event: { type: memory.tagged, payload: { id: msg_1, tag: "#important" } }, expect: { matched: true } }
---
# What it does
`;
    const { candidate, issues } = await check(text);
    expect(issues).toEqual([]);
    expect(candidate.hook?.definition).toEqual({
      name: 'notify-important',
      description: 'Push a notification when a memory is tagged important',
      version: '1.2.3',
      enabled: true,
      worlds: ['default'],
      trigger: {
        timing: 'post',
        phase: 'validate',
        order: 100,
        events: [{ event_type: 'memory.tagged', filter: { tag: { equals: '#important' } } }],
      },
      condition: { when: 'size(event.payload.tag) > 1', timeout_ms: 1000 },
      action: {
        type: 'http',
        method: 'POST',
        url: 'https://ntfy.example.org/crucible',
        body: { title: 'Important note', message: '{{event.payload.id}}' },
      },
      permissions: [],
      options: {
        timeout_ms: 10000,
        retry: { max_attempts: 3, backoff: 'exponential', initial_ms: 1000, max_ms: 60000 },
        async: true,
        trace: false,
      },
      tests: [
        {
          event: { type: 'memory.tagged', payload: { id: 'msg_1', tag: '#important' } },
          expect: { matched: true },
        },
      ],
      documentation: '# What it does',
    });
  });

  it('fills in every default', async () => {
    const { candidate, issues } = await check(named(EVENTS, SCRIPT));
    expect(issues).toEqual([]);
    expect(candidate.hook?.definition).toMatchObject({
      description: '',
      version: '1.0.0',
      enabled: true,
      worlds: ['default'],
      condition: { timeout_ms: 1000 },
      action: { type: 'script', file: 'good.js', source: 'export default async () => ({});\n' },
      permissions: [],
      options: {
        timeout_ms: 30_000,
        retry: { max_attempts: 3, backoff: 'exponential', initial_ms: 1000, max_ms: 60_000 },
        async: true,
        trace: false,
      },
      tests: [],
    });
    expect(candidate.watch).toEqual([path.join(root, 'good.js')]);
  });

  it('accepts every spelling of a type and keeps one', async () => {
    const events =
      '[{ type: Memory.Tagged }, { event_type: memory.created }, { type: Graph, event: NodeAdded }, { type: "file.*" }]';
    const { candidate } = await check(named(`trigger: { events: ${events} }`, SCRIPT));
    expect(candidate.hook?.definition.trigger.events.map(({ event_type }) => event_type)).toEqual([
      'memory.tagged',
      'memory.created',
      'graph.node_added',
      'file.*',
    ]);
  });

  it('tells all problems at once, each with its line and column', async () => {
    const { issues } = await check(
      [
        '---',
        'name: Bad Name', // 2
        'descripton: typo', // 3
        'version: 1.0', // 4
        'enabled: "yes"', // 5
        'trigger:', // 6
        '  timing: later', // 7
        '  events:', // 8
        '    - type: memory.taged', // 9
        '    - type: memory.tagged', // 10
        '      filter:', // 11
        '        tga: { equals: x }', // 12
        '        tag: { eqals: x }', // 13
        '      when: event.pyload.tag == "x"', // 14
        'condition:', // 15
        '  when: size(event.payload.tag) + 1', // 16
        'action:', // 17
        '  type: http', // 18
        '  url: http://169.254.169.254/latest', // 19
        '  headers: { "X-Bad\\r\\n": "a\\r\\nb", Host: x }', // 20
        '  body: "{{ event.payload.nope }} {{ 1 + }}"', // 21
        'options:', // 22
        '  timeout_ms: 0', // 23
        '  retrry: 3', // 24
        '  retry: { max_attempts: many }', // 25
        'permissions: [memory:wirte]', // 26
        'tests:', // 27
        '  - { event: { type: memory.tagged }, expect: { match: true } }', // 28
        '---',
      ].join('\n'),
    );
    const lines = new Set(issues.map(({ line }) => line));
    for (const line of [2, 3, 4, 5, 7, 9, 12, 13, 14, 16, 19, 20, 21, 23, 24, 25, 26, 28])
      expect(lines, `line ${line}\n${shown(issues).join('\n')}`).toContain(line);
    for (const { line, column, message } of issues) {
      expect({ message, line: (line ?? 0) > 1, column: (column ?? 0) > 0 }).toEqual({
        message,
        line: true,
        column: true,
      });
    }
    const text = shown(issues).join('\n');
    expect(text).toContain('did you mean `description`?');
    expect(text).toContain('did you mean `memory.tagged`?');
    expect(text).toContain('did you mean `retry`?');
    expect(text).toContain('did you mean `memory:write`?');
    expect(text).toContain('did you mean `matched`?');
    expect(issues.map(({ line }) => line)).toEqual(
      issues.map(({ line }) => line).toSorted((a = 0, b = 0) => a - b),
    );
  });

  it.each<[string, string[], string]>([
    ['no name', [EVENTS, SCRIPT], 'name: is missing'],
    ['no trigger', ['name: a', SCRIPT], 'trigger: is missing'],
    ['no events', ['name: a', 'trigger: {}', SCRIPT], 'trigger.events: is missing'],
    ['empty events', ['name: a', 'trigger: { events: [] }', SCRIPT], 'trigger.events'],
    ['no action', ['name: a', EVENTS], 'action: is missing'],
    ['a list for the whole', ['- a'], 'must be a hook'],
    ['nothing at all', [''], 'name: is missing'],
    ['a trailing dash in the name', ['name: a-', EVENTS, SCRIPT], 'name: must be 1 to 64'],
    ['the name of the check', ['name: validate', EVENTS, SCRIPT], 'name: is taken by the API'],
    ['documentation as a key', ['name: a', 'documentation: x', EVENTS, SCRIPT], 'write the text below'],
    [
      'a world that is none',
      ['name: a', 'worlds: ["../x"]', EVENTS, SCRIPT],
      'worlds.0: is not the name of a world',
    ],
    ['no worlds', ['name: a', 'worlds: []', EVENTS, SCRIPT], 'worlds: must name'],
    ['an unknown action', ['name: a', EVENTS, 'action: { type: htpp, url: x }'], 'did you mean `http`?'],
    ['keys of __proto__', ['name: a', EVENTS, 'action: { type: constructor }'], 'there is no action'],
    [
      'both script and source',
      ['name: a', EVENTS, 'action: { type: script, script: good.js, source: x }'],
      'exclude each other',
    ],
    [
      'neither script nor source',
      ['name: a', EVENTS, 'action: { type: script }'],
      'needs `script` or `source`',
    ],
    [
      'a file without a script',
      ['name: a', EVENTS, 'action: { type: script, file: good.js }'],
      'did you mean `script`?',
    ],
    [
      'a script that is missing',
      ['name: a', EVENTS, 'action: { type: script, script: none.js }'],
      'there is no file `none.js`',
    ],
    [
      'a script above',
      ['name: a', EVENTS, 'action: { type: script, script: ../x.js }'],
      'leads out of the hook directory',
    ],
    [
      'a script up and down',
      ['name: a', EVENTS, 'action: { type: script, script: sub/../good.js }'],
      'leads out of the hook directory',
    ],
    [
      'an absolute script',
      ['name: a', EVENTS, 'action: { type: script, script: /etc/x.js }'],
      'leads out of the hook directory',
    ],
    [
      'a script by a Windows path',
      ['name: a', EVENTS, "action: { type: script, script: 'C:\\x.js' }"],
      'leads out of the hook directory',
    ],
    [
      'a script behind a link',
      ['name: a', EVENTS, 'action: { type: script, script: link.js }'],
      'leads out of the hook directory',
    ],
    [
      'a script in a linked folder',
      ['name: a', EVENTS, 'action: { type: script, script: away/x.js }'],
      'there is no file',
    ],
    [
      'a script that is no JavaScript',
      ['name: a', EVENTS, 'action: { type: script, script: sub }'],
      'is not a JavaScript file',
    ],
    [
      'a script that is no text',
      ['name: a', EVENTS, 'action: { type: script, script: binary.js }'],
      'cannot be read',
    ],
    [
      'a huge script',
      ['name: a', EVENTS, 'action: { type: script, script: huge.js }'],
      'larger than 256 KiB',
    ],
    [
      'a script that does not compile',
      ['name: a', EVENTS, 'action: { type: script, script: bad.js }'],
      'a.md:4:25 action.script: bad.js:2:',
    ],
    [
      'a script that exports nothing',
      ['name: a', EVENTS, 'action: { type: script, script: nothing.js }'],
      'action.script: ',
    ],
    [
      'a template in a shell script',
      ['name: a', EVENTS, 'action: { type: shell, shell: "echo {{event.payload.id}}" }'],
      '$CRUCIBLE_EVENT_',
    ],
    [
      'a template as the program',
      ['name: a', EVENTS, 'action: { type: shell, command: ["{{event.payload.id}}"] }'],
      'an event would choose',
    ],
    [
      'a secret as an argument',
      ['name: a', EVENTS, 'action: { type: shell, command: [x, "{{secrets.X}}"] }'],
      'secrets may not be used here',
    ],
    [
      'an empty command',
      ['name: a', EVENTS, 'action: { type: shell, command: [] }'],
      'must hold 1 to 200 words',
    ],
    [
      'a command as text',
      ['name: a', EVENTS, 'action: { type: shell, command: "rm -rf" }'],
      'must be a list',
    ],
    [
      'a variable that loads code',
      ['name: a', EVENTS, 'action: { type: shell, command: [x], env: { LD_PRELOAD: x } }'],
      'cannot be set by a hook',
    ],
    [
      'a variable of ours',
      ['name: a', EVENTS, 'action: { type: shell, command: [x], env: { crucible_event_id: x } }'],
      'cannot be set by a hook',
    ],
    [
      'a folder above',
      ['name: a', EVENTS, 'action: { type: shell, command: [x], cwd: .. }'],
      'leads out of the hook directory',
    ],
    [
      'a folder behind a link',
      ['name: a', EVENTS, 'action: { type: shell, command: [x], cwd: away }'],
      'leads out of the hook directory',
    ],
    [
      'a folder that is missing',
      ['name: a', EVENTS, 'action: { type: shell, command: [x], cwd: none }'],
      'there is no folder',
    ],
    ['no URL', ['name: a', EVENTS, 'action: { type: http }'], 'action.url: is missing'],
    [
      'a host that an event goes on with',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example{{event.payload.x}}" }'],
      'action.url: a template goes on with the host',
    ],
    [
      'no http URL',
      ['name: a', EVENTS, 'action: { type: http, url: "file:///etc/passwd" }'],
      'is not an http or https URL',
    ],
    [
      'a broken URL',
      ['name: a', EVENTS, 'action: { type: http, url: "https://exa mple/" }'],
      'is not an http or https URL',
    ],
    [
      'a private address',
      ['name: a', EVENTS, 'action: { type: http, url: "http://127.0.0.1/" }'],
      'action.url: ',
    ],
    [
      'a private address before a template',
      ['name: a', EVENTS, 'action: { type: http, url: "http://2130706433/{{event.payload.id}}" }'],
      'action.url: ',
    ],
    [
      'a scheme before a template',
      ['name: a', EVENTS, 'action: { type: http, url: "gopher://{{event.payload.id}}" }'],
      'is not an http or https URL',
    ],
    [
      'userinfo',
      ['name: a', EVENTS, 'action: { type: http, url: "https://u:p@ntfy.example.org/" }'],
      'action.url: ',
    ],
    [
      'port 6379',
      ['name: a', EVENTS, 'action: { type: http, url: "https://ntfy.example.org:6379/" }'],
      'action.url: ',
    ],
    [
      'a body on GET',
      ['name: a', EVENTS, 'action: { type: http, method: get, url: "https://a.example/", body: x }'],
      'has no body',
    ],
    [
      'a method that is none',
      ['name: a', EVENTS, 'action: { type: http, method: CONNECT, url: "https://a.example/" }'],
      'action.method: ',
    ],
    [
      'CRLF in a header',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example/", headers: { a: "b\\r\\nc: d" } }'],
      'line break',
    ],
    [
      'a header twice',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example/", headers: { a: x, A: y } }'],
      'same header as `a`',
    ],
    [
      'a header of ours',
      [
        'name: a',
        EVENTS,
        'action: { type: http, url: "https://a.example/", headers: { X-Crucible-Run: y } }',
      ],
      'set by Crucible',
    ],
    [
      'the header of the story',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example/", headers: { Traceparent: y } }'],
      'set by Crucible',
    ],
    [
      'a template that is not closed',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example/{{event" }'],
      'not closed',
    ],
    [
      'a template over what a hook lacks',
      ['name: a', EVENTS, 'action: { type: http, url: "https://a.example/", body: "{{steps.a}}" }'],
      'a hook has no `steps`',
    ],
    [
      'a field that the event lacks',
      [
        'name: a',
        EVENTS,
        'action: { type: http, url: "https://a.example/", body: "{{event.payload.tagg}}" }',
      ],
      'tagg',
    ],
    [
      'both debounces',
      ['name: a', EVENTS, SCRIPT, 'options: { debounce_ms: 5, debounce: { wait_ms: 5 } }'],
      'says the same',
    ],
    [
      'a debounce of nothing',
      ['name: a', EVENTS, SCRIPT, 'options: { debounce: {} }'],
      'options.debounce.wait_ms: is missing',
    ],
    [
      'max_wait_ms below wait_ms',
      ['name: a', EVENTS, SCRIPT, 'options: { debounce: { wait_ms: 50, max_wait_ms: 5 } }'],
      'must not be less than wait_ms',
    ],
    [
      'deliver first with max_wait_ms',
      ['name: a', EVENTS, SCRIPT, 'options: { debounce: { wait_ms: 5, max_wait_ms: 50, deliver: first } }'],
      'deliver: first',
    ],
    [
      'async false with debounce',
      ['name: a', EVENTS, SCRIPT, 'options: { async: false, debounce_ms: 5 }'],
      'makes the caller wait',
    ],
    [
      'a secret in a key',
      ['name: a', EVENTS, SCRIPT, 'options: { debounce: { wait_ms: 5, key: "{{secrets.X}}" } }'],
      'secrets may not be used here',
    ],
    [
      'max_ms below initial_ms',
      ['name: a', EVENTS, SCRIPT, 'options: { retry: { initial_ms: 50, max_ms: 5 } }'],
      'must not be less than initial_ms',
    ],
    [
      'a retry of half an attempt',
      ['name: a', EVENTS, SCRIPT, 'options: { retry: { max_attempts: 1.5 } }'],
      'must be a whole number',
    ],
    [
      'a time-out beyond the bound',
      ['name: a', EVENTS, SCRIPT, 'options: { timeout_ms: 600001 }'],
      'must be from 1 to 600,000',
    ],
    [
      'phase on post',
      ['name: a', 'trigger: { phase: transform, events: [{ type: memory.tagged }] }', SCRIPT],
      'without `timing: pre`',
    ],
    [
      'order on post',
      ['name: a', 'trigger: { order: 5, events: [{ type: memory.tagged }] }', SCRIPT],
      'without `timing: pre`',
    ],
    [
      'on_error on post',
      ['name: a', EVENTS, SCRIPT, 'options: { on_error: allow }'],
      'without `timing: pre`',
    ],
    [
      'retry on pre',
      [
        'name: a',
        'trigger: { timing: pre, events: [{ type: memory.tagged }] }',
        SCRIPT,
        'options: { retry: { max_attempts: 2 } }',
      ],
      'does not go with `timing: pre`',
    ],
    [
      'debounce on pre',
      [
        'name: a',
        'trigger: { timing: pre, events: [{ type: memory.tagged }] }',
        SCRIPT,
        'options: { debounce_ms: 5 }',
      ],
      'does not go with `timing: pre`',
    ],
    [
      'a long pre hook',
      [
        'name: a',
        'trigger: { timing: pre, events: [{ type: memory.tagged }] }',
        SCRIPT,
        'options: { timeout_ms: 5001 }',
      ],
      'at most 5000',
    ],
    ['a time-out of no script', ['name: a', EVENTS, SCRIPT, 'condition: { timeout_ms: 5 }'], 'there is none'],
    [
      'a condition that is no CEL',
      ['name: a', EVENTS, SCRIPT, 'condition: { when: "size(" }'],
      'condition.when: ',
    ],
    [
      'a condition over a missing field',
      ['name: a', EVENTS, SCRIPT, 'condition: { when: event.payload.tagg == "x" }'],
      'condition.when: ',
    ],
    [
      'a condition that fits one event of two',
      [
        'name: a',
        'trigger: { events: [{ type: memory.tagged }, { type: memory.created }] }',
        SCRIPT,
        'condition: { when: event.payload.tag == "x" }',
      ],
      'on memory.created: ',
    ],
    [
      'a condition script that does not compile',
      ['name: a', EVENTS, SCRIPT, 'condition: { script: "export default (" }'],
      'condition.script: ',
    ],
    ['a test of nothing', ['name: a', EVENTS, SCRIPT, 'tests: [{}]'], 'tests.0.event: is missing'],
    [
      '32 levels',
      [
        'name: a',
        EVENTS,
        `action: { type: http, url: "https://a.example/", body: ${'['.repeat(40)}${']'.repeat(40)} }`,
      ],
      'deeper than 32 levels',
    ],
  ])('refuses %s', async (_name, lines, message) => {
    const { candidate, issues } = await check(hook(...lines));
    expect(shown(issues).join('\n')).toContain(message);
    expect(candidate.hook === undefined || issues.length > 0).toBe(true);
  });

  it.each([
    ['timing pre', ['trigger: { timing: pre, events: [{ type: memory.tagged }] }', SCRIPT]],
    ['debounce', [EVENTS, SCRIPT, 'options: { debounce_ms: 5000 }']],
    ['rate_limit', [EVENTS, SCRIPT, 'options: { rate_limit: { limit: 10, period_ms: 60000 } }']],
    ['concurrency', [EVENTS, SCRIPT, 'options: { concurrency: { limit: 1, key: "{{event.subject}}" } }']],
    ['async', [EVENTS, SCRIPT, 'options: { async: false }']],
    ['alert_after', [EVENTS, SCRIPT, 'options: { alert_after: 3 }']],
    [
      'flow',
      [EVENTS, 'action: { type: flow, flow: research, inputs: { id: "{{event.payload.id}}" }, wait: true }'],
    ],
    [
      'webhook',
      [
        EVENTS,
        'action: { type: webhook, url: "https://a.example/", auth: { type: bearer, token: "{{secrets.T}}" } }',
      ],
    ],
  ])('says of %s that it comes later, and nothing else', async (word, lines) => {
    const { candidate, issues } = await check(named(...lines));
    expect(issues).toHaveLength(1);
    expect(issues[0]?.message).toContain('not available yet');
    expect(issues[0]?.message).toContain(word.split(' ').at(-1));
    expect(candidate.hook).toBeUndefined();
  });

  it('reads debounce_ms as the short form of debounce', async () => {
    const short = await check(named(EVENTS, SCRIPT, 'options: { debounce_ms: 5000 }'));
    const long = await check(
      named(EVENTS, SCRIPT, 'options: { debounce: { wait_ms: 5000, deliver: last } }'),
    );
    expect(short.candidate.draft?.options.debounce).toEqual({ wait_ms: 5000, deliver: 'last' });
    expect(long.candidate.draft).toEqual(short.candidate.draft);
  });

  it('accepts a script behind a link within the directory, and one in a folder below', async () => {
    expect((await check(named(EVENTS, 'action: { type: script, script: within.js }'))).issues).toEqual([]);
    await writeFile(path.join(root, 'sub', 'own.js'), 'export default () => null;\n');
    const own = named(EVENTS, 'action: { type: script, script: own.js }');
    expect((await check(own, path.join(root, 'sub'))).issues).toEqual([]);
    expect(shown((await check(own)).issues).join()).toContain('there is no file `own.js`');
  });

  it.each([
    'https://ntfy.example.org/{{event.payload.id}}?a={{event.actor}}',
    'https://{{event.world}}.example.org/x',
    '{{event.subject}}',
    'https://a.example/\\{{literal',
  ])('accepts the URL %s', async (url) => {
    const { issues } = await check(named(EVENTS, `action: { type: http, url: ${JSON.stringify(url)} }`));
    expect(shown(issues)).toEqual([]);
  });

  it('points into an inline script', async () => {
    const { issues } = await check(
      named(
        EVENTS,
        'action:',
        '  type: script',
        '  source: |',
        '    export default async () => {',
        '      return {{;',
        '    };',
      ),
    );
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ path: 'action.source', line: 8 });
  });

  it('gives a shell action the folder of its file to work in', async () => {
    const { candidate } = await check(
      named(EVENTS, 'action: { type: shell, command: [git, status] }'),
      path.join(root, 'sub'),
    );
    expect(candidate.hook?.definition.action).toMatchObject({ cwd: path.join(root, 'sub') });
  });

  it('has one hash whatever the order of keys, comments and quotes', async () => {
    const one = await check(named('description: "x"', EVENTS, HTTP));
    const other = await check(hook(HTTP, '# a comment', EVENTS, "description: 'x'", 'name: "a"'));
    const third = await check(named('description: y', EVENTS, HTTP));
    expect(one.candidate.hook?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(other.candidate.hook?.hash).toBe(one.candidate.hook?.hash);
    expect(third.candidate.hook?.hash).not.toBe(one.candidate.hook?.hash);
  });

  it('names no path of the machine in what it says', async () => {
    const { issues } = await check(named(EVENTS, 'action: { type: script, script: none.js }'));
    expect(JSON.stringify(issues)).not.toContain(root);
  });
});

describe('a hook through the API', () => {
  const base = { name: 'a', trigger: { events: [{ type: 'memory.tagged' }] } };
  const source = 'export default async () => null;';

  it('takes scripts as source only', async () => {
    const good = await validator.readObject({ ...base, action: { type: 'script', source } }, ['default']);
    expect(good.hook?.definition.action).toEqual({ type: 'script', source });
    const bad = await validator.readObject({ ...base, action: { type: 'script', script: 'good.js' } }, [
      'default',
    ]);
    expect(bad.issues).toMatchObject([{ path: 'action.script', hint: /source/ }]);
    const cwd = await validator.readObject(
      { ...base, action: { type: 'shell', command: ['x'], cwd: 'sub' } },
      ['default'],
    );
    expect(cwd.issues).toMatchObject([{ path: 'action.cwd' }]);
  });

  it.each([
    undefined,
    null,
    5,
    'text',
    [],
    { name: 5 },
    JSON.parse('{"__proto__": {"name": "a"}}'),
    { ...base, action: Object.create(null) },
  ])('refuses %j without falling over', async (input) => {
    const { hook: read, issues } = await validator.readObject(input, ['default']);
    expect(read).toBeUndefined();
    expect(issues.length).toBeGreaterThan(0);
  });

  it('tells when nothing but the address is refused', async () => {
    const forbidden = await validator.readObject(
      { ...base, action: { type: 'http', url: 'http://10.0.0.1/' } },
      ['default'],
    );
    expect(await validator.probe(forbidden)).toMatchObject({ onlyEgress: true });
    const more = await validator.readObject(
      { ...base, x: 1, action: { type: 'http', url: 'http://10.0.0.1/' } },
      ['default'],
    );
    expect(await validator.probe(more)).toMatchObject({ onlyEgress: false });
  });

  it('reads back what it answered as the same definition', async () => {
    const action = fc.oneof(
      fc.record(
        { type: fc.constant('script'), source: fc.constant(source), inputs: fc.constant({ a: [1, 'x'] }) },
        { requiredKeys: ['type', 'source'] },
      ),
      fc.record(
        {
          type: fc.constant('http'),
          url: fc.constant('https://a.example/{{event.payload.id}}'),
          method: fc.constantFrom('post', 'PUT'),
          headers: fc.constant({ 'x-a': '{{event.actor}}' }),
          body: fc.constantFrom(null, 'x', { a: 1 }),
        },
        { requiredKeys: ['type', 'url'] },
      ),
      fc.record(
        {
          type: fc.constant('shell'),
          command: fc.constant(['git', '{{event.payload.id}}']),
          env: fc.constant({ A: 'b' }),
        },
        { requiredKeys: ['type', 'command'] },
      ),
    );
    const input = fc.record(
      {
        name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
        description: fc.string({ maxLength: 50 }).filter((text) => !text.includes('\0')),
        version: fc.constantFrom('0.0.1', '2.3.4-rc.1'),
        enabled: fc.boolean(),
        worlds: fc.constantFrom(['default'], ['a', 'b.c']),
        trigger: fc.record({
          events: fc.subarray(
            [
              { type: 'Memory.Tagged' },
              { event_type: 'memory.*', when: 'event.depth < 3' },
              { type: 'custom.x', filter: { a: 1 } },
            ],
            { minLength: 1 },
          ),
        }),
        condition: fc.constantFrom({}, { when: 'event.world == "x"' }, { script: source, timeout_ms: 50 }),
        action,
        permissions: fc.subarray(['memory:write', 'http:fetch']),
        options: fc.constantFrom(
          {},
          { timeout_ms: 5 },
          { retry: { initial_ms: 100_000 } },
          { retry: { max_attempts: 1, backoff: 'fixed' } },
        ),
        documentation: fc.constantFrom('', '# x\n\ny'),
      },
      { requiredKeys: ['name', 'trigger', 'action'] },
    );
    await fc.assert(
      fc.asyncProperty(input, async (written) => {
        const first = await validator.readObject(written, ['default']);
        expect(shown(first.issues)).toEqual([]);
        const again = await validator.readObject(JSON.parse(JSON.stringify(first.hook?.definition)), [
          'other',
        ]);
        expect(again.hook).toEqual(first.hook);
      }),
    );
  });
});
