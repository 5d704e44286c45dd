import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../kernel/json.ts';
import { catalogue } from '../catalogue.ts';
import { committed } from '../testing/events.ts';
import { checkWhen, compileWhen } from './when.ts';

const on = (source: string, payload: JsonObject, envelope = {}): boolean | 'error' =>
  compileWhen(source, undefined)(committed('custom.x', payload, envelope)).matched;

const problems = (source: string, types?: readonly string[]): string[] =>
  checkWhen(source, types, 'when').map(({ message }) => message);

describe('what it says of an event', () => {
  const payload: JsonObject = {
    n: 2,
    f: 2.5,
    s: 'sx',
    yes: true,
    nothing: null,
    tags: ['#research', '#ai'],
    list: [1, 2],
    none: [],
    mixed: ['x', 2],
    o: { x: 1, deep: { y: 'z' } },
    objects: [{ k: 1 }, { k: 2, v: [3] }],
  };
  test.each([
    ['event.payload.n > 1', true],
    ['event.payload.n > 1.5', true],
    ['event.payload.n >= 2 && event.payload.n <= 2', true],
    ['event.payload.n == 2', true],
    ['2 == event.payload.n', true],
    ['event.payload.n != 2', false],
    ['event.payload.n in [1, 2]', true],
    ['event.payload.n in [1, 3]', false],
    ['event.payload.n in [1, 2.5, "x"]', false],
    ['event.payload.n in []', false],
    ['event.payload.f in [1, 2.5, "x"]', true],
    ['event.payload.n in event.payload.list', true],
    ['event.payload.n in event.payload.none', false],
    ['event.payload.n in event.payload.mixed', true],
    ['event.payload.s in event.payload.list', false],
    ['size(event.payload.tags) in [1, 2]', true],
    ['size(event.payload.tags) in event.payload.list', true],
    ['event.position in [41, 42]', true],
    ['event.position in event.payload.none', false],
    ['event.payload.list.filter(i, i in [2]) == [2]', true],
    ['event.payload.n + 1 == 3', true],
    ['1 + event.payload.f == 3.5', true],
    ['event.payload.n * 2 - 1 == 3', true],
    ['event.payload.n / 2 == 1', true],
    ['event.payload.n % 2 == 0', true],
    ['-event.payload.n == -2', true],
    ['event.payload.n + event.payload.f == 4.5', true],
    ['event.payload.list.exists(i, i + 1 == 3)', true],
    ['event.payload.list.map(i, i * 2) == [2.0, 4.0]', true],
    ['event.payload.tags.exists(t, t == "#research") && event.actor != "agent:bot"', true],
    ['"#ai" in event.payload.tags', true],
    ['event.payload.tags[1] == "#ai"', true],
    ['size(event.payload.tags) == 2', true],
    ['event.payload.o.deep.y.startsWith("z")', true],
    ['event.payload.objects.exists(o, has(o.v) && o.v[0] == 3)', true],
    ['event.payload.objects.all(o, o.k > 0)', true],
    ['event.payload.s.matches("^s.$")', true],
    ['event.payload.s.matches("^x")', false],
    ['event.payload.nothing == null', true],
    ['event.payload.yes', true],
    ['!event.payload.yes', false],
    ['event.payload.yes ? event.payload.n > 1 : false', true],
    ['event.room == null', true],
    ['event.source.kind == "user"', true],
    ['event.position > 41 && event.depth == 0', true],
    ['timestamp(event.timestamp) > timestamp("2026-01-01T00:00:00Z")', true],
    ['has(event.payload.o.x)', true],
    ['has(event.payload.missing)', false],
  ])('%s: %s', (source, expected) => {
    expect(on(source, payload)).toBe(expected);
  });

  test.each([
    'event.payload.missing == 1',
    'event.payload.o.missing.deeper == 1',
    'event.payload.missing.matches("x")',
    'event.payload.tags[7] == "x"',
    '!(event.payload.missing == 1)',
    'event.payload.tags.exists(t, t == event.payload.missing)',
    'event.payload.constructor == 1',
    'event.payload.__proto__ == 1',
    'has(event.payload.missing.deeper)',
  ])('an absent path does not match: %s', (source) => {
    expect(on(source, payload)).toBe(false);
  });

  test.each([
    'event.payload.s > 1',
    'event.payload.n.startsWith("x")',
    '1 / 0 == event.payload.n',
    'event.payload.s',
    'event.payload.s.matches(event.payload.tags[0] + "(")',
    'timestamp(event.payload.s) > timestamp(0)',
  ])('any other failure is an error: %s', (source) => {
    const result = compileWhen(source, undefined)(committed('custom.x', payload));
    expect(result).toMatchObject({ matched: 'error', message: expect.stringMatching(/./) });
  });

  test('evaluation leaves the stack traces of others as they are', () => {
    const before = Error.stackTraceLimit;
    expect(on('event.payload.missing == 1', payload)).toBe(false);
    expect(on('event.payload.s > 1', payload)).toBe('error');
    expect(Error.stackTraceLimit).toBe(before);
  });

  test('an absent path beside something that decides does not matter', () => {
    expect(on('event.payload.missing == 1 || event.payload.n == 2', payload)).toBe(true);
    expect(on('event.payload.n == 3 && event.payload.missing == 1', payload)).toBe(false);
  });

  test('payload fields may have any name', () => {
    const hostile = JSON.parse(
      '{"constructor":1,"__proto__":{"x":1},"toString":2,"o":{"constructor":"c","x":2}}',
    ) as JsonObject;
    expect(on('event.payload.constructor == 1', hostile)).toBe(true);
    expect(on('event.payload.o.x == 2', hostile)).toBe(true);
    expect(on('event.payload.toString == 2', hostile)).toBe(true);
    expect(on('event.payload.x == 1', hostile)).toBe(false);
  });

  test('typed by the schema, on real payloads', () => {
    const event = committed('agent.action_executed', catalogue.sample('agent.action_executed', 1));
    const example = { ...event, payload: catalogue.get('agent.action_executed')?.example as JsonObject };
    const when = (source: string) => compileWhen(source, ['agent.action_executed'])(example).matched;
    expect(when('event.payload.duration_ms > 800 && event.payload.success')).toBe(true);
    expect(when('event.payload.duration_ms in [812, 900]')).toBe(true);
    expect(when('event.payload.inputs.q.contains("attention")')).toBe(true);
    expect(when('event.payload.outputs.results + 1 == 11')).toBe(true);
    expect(when('event.payload.error.code == "x"')).toBe(false);
    expect(when('has(event.payload.error)')).toBe(false);
  });
});

describe('what is refused at registration', () => {
  test.each([
    ['event.pyload.n > 1', undefined, /pyload/],
    ['has(event.pyload.n)', undefined, /pyload/],
    ['event.payload.tga == "x"', ['memory.tagged'], /tga/],
    ['has(event.payload.tga)', ['memory.tagged'], /tga/],
    ['event.payload.tag > 5', ['memory.tagged'], /overload/],
    ['event.payload.tag + 1 == 2', ['memory.tagged'], /overload/],
    ['event.payload.nope == 1', ['memory.created', 'memory.tagged'], /nope/],
    ['event.source.kin == "user"', undefined, /kin/],
    ['evnt.id == "x"', undefined, /evnt/],
    ['size(event.payload.tag)', ['memory.tagged'], /true or false/],
    ['1 +', undefined, /./],
    ['event.payload.s.matches("(?=x)")', undefined, /RE2/],
    ['event.payload.s.matches("(a")', undefined, /RE2/],
    ['event.payload.s.matches("(a?){500}a{500}")', undefined, /too large/],
    ['cel.bind(x, "aa", x + x == "")', undefined, /bind/],
    ['nope(1)', undefined, /nope/],
    [Array.from({ length: 300 }, () => 'true').join(' && '), undefined, /./],
    [`"${'x'.repeat(3000)}" == ""`, undefined, /2000 characters/],
  ])('%s', (source, types, message) => {
    expect(problems(source, types)).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    ['event.payload.tag.startsWith("#")', ['memory.tagged']],
    ['event.payload.content == "" || event.payload.tag == ""', ['memory.created', 'memory.tagged']],
    ['event.payload.reason == "x"', ['webhook.created', 'webhook.delivery_failed']],
    ['event.payload.metadata.author == "x"', ['memory.created']],
    ['event.payload.trigger.kind == "event"', ['flow.started']],
    ['event.payload.anything.goes == 1', undefined],
    ['event.payload.patch.exists(p, p.path == "/content")', ['memory.updated']],
    ['event.payload.previous_hash == null', ['memory.updated']],
  ])('is accepted: %s', (source, types) => {
    expect(problems(source, types)).toEqual([]);
  });

  test.each(
    catalogue.list().flatMap(({ type, example }) =>
      Object.entries(example)
        .filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
        .map(([field]) => [type, field] as const),
    ),
  )('%s: its %s may be asked for', (type, field) => {
    const source = `has(event.payload.${field}) && event.payload.${field} == event.payload.${field}`;
    const event = committed(type, catalogue.get(type)?.example as JsonObject);
    expect(compileWhen(source, [type])(event)).toEqual({ matched: true });
  });
});

describe('what one evaluation may cost', () => {
  const many = Array.from({ length: 20_000 }, (_, index) => index);
  const doubling = (value: string, times: number) => `[${value}]${'.map(x, x + x)'.repeat(times)}`;
  const overBudget = { matched: 'error', message: expect.stringContaining('too many steps') };
  const run = (source: string, payload: JsonObject) =>
    compileWhen(source, undefined)(committed('custom.x', payload));

  test.each([
    ['quadratic in the payload', 'event.payload.a.all(x, event.payload.a.all(y, x + y > -1))'],
    [
      'the same, with the errors swallowed',
      'event.payload.a.exists(x, event.payload.a.exists(y, x + y < -1)) || true',
    ],
    ['in a filter', 'size(event.payload.a.filter(x, x in event.payload.a)) > 0'],
    ['in a list comparison', 'event.payload.a.all(x, event.payload.a == event.payload.b)'],
    ['text that doubles', `${doubling('"ab"', 24)}[0] == "x"`],
    ['lists that double', `size(${doubling('[1, 2]', 24)}[0]) == 1`],
    ['splits', 'event.payload.a.all(x, size(event.payload.s.split("")) > 0)'],
    ['joins', 'size(event.payload.a.map(x, event.payload.s).join("")) > 0'],
    ['searches', 'event.payload.a.all(x, !event.payload.s.contains("y"))'],
    ['expressions', 'event.payload.a.all(x, !event.payload.s.matches("(x+x+)+y"))'],
    ['objects', 'event.payload.a.all(x, event.payload.m == event.payload.m)'],
    ['their sizes', 'event.payload.a.all(x, size(event.payload.m) > 0)'],
    ['time zones', 'event.payload.a.all(x, timestamp(0).getHours("Europe/Berlin") >= 0)'],
  ])('%s', (_, source) => {
    const m = Object.fromEntries(many.map((index) => [`k${index}`, index]));
    expect(run(source, { a: many, b: [...many], s: 'x'.repeat(100_000), m })).toEqual(overBudget);
  });

  test('what is linear in a large payload is within it, again and again', () => {
    const when = compileWhen('event.payload.a.all(x, x >= 0) && event.payload.s.contains("x")', undefined);
    const event = committed('custom.x', { a: many, s: 'x'.repeat(200_000) });
    for (let times = 0; times < 20; times += 1) expect(when(event)).toEqual({ matched: true });
  });
});
