import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../kernel/json.ts';
import { checkTemplate, compileTemplate, TemplateError, type TemplateScope } from './template.ts';
import { committed } from './testing/events.ts';

const SECRET = 'sk-very-secret-1234';
const event = committed('custom.x', {
  id: 'm1',
  n: 2,
  tags: ['#a', '#b'],
  o: { x: 1 },
  nothing: null,
  braces: '{{secrets.TOKEN}}',
});
const scope: TemplateScope = {
  event,
  inputs: { q: 'hi', list: [1, 2] },
  steps: { search: { results: [{ url: 'u' }] } },
  attempt: 3,
  secrets: (name) => (name === 'TOKEN' ? SECRET : undefined),
};

const render = (value: JsonValue, allowSecrets = true): JsonValue =>
  compileTemplate(value, { allowSecrets }).render(scope);

const problemOf = (value: JsonValue, allowSecrets = true): TemplateError => {
  try {
    render(value, allowSecrets);
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

test.each<[JsonValue, JsonValue]>([
  ['plain', 'plain'],
  ['{{event.payload.n}}', 2],
  ['{{ event.payload.n + 1 }}', 3],
  ['{{event.payload.tags}}', ['#a', '#b']],
  ['{{event.payload.o}}', { x: 1 }],
  ['{{event.payload.nothing}}', null],
  ['{{event.payload.n > 1}}', true],
  ['{{size(event.payload.tags)}}', 2],
  ['{{event.payload.id}}', 'm1'],
  [
    'id={{event.payload.id}} n={{event.payload.n}} o={{event.payload.o}} t={{event.payload.tags}} z={{event.payload.nothing}}.',
    'id=m1 n=2 o={"x":1} t=["#a","#b"] z=.',
  ],
  [' {{event.payload.n}}', ' 2'],
  ['{{inputs.q}}{{attempt}}', 'hi3'],
  ['{{steps.search.results[0].url}}', 'u'],
  [{ a: ['{{inputs.q}}', 1, null, { b: '{{event.type}}' }] }, { a: ['hi', 1, null, { b: 'custom.x' }] }],
  [{ '{{inputs.q}}': '{{inputs.q}}' }, { '{{inputs.q}}': 'hi' }],
  ['\\{{inputs.q}}', '{{inputs.q}}'],
  ['\\{{ {{inputs.q}} \\{{', '{{ hi {{'],
  ['{{ "{{" }}', '{{'],
  ['{{ "}}" }} and {{ \'}}\' }}', '}} and }}'],
  ['{{ {"a": {"b": 1}} }}', { a: { b: 1 } }],
  ['{{ "a\\"}}b" }}', 'a"}}b'],
  ['{{ """a"}}""" }}', 'a"}}'],
  ['single { braces } } stay', 'single { braces } } stay'],
  ['a }} b', 'a }} b'],
  ['{{ event.payload.tags.map(t, t + "!") }}', ['#a!', '#b!']],
  ['{{ timestamp("2026-01-01T00:00:00Z") }}', '2026-01-01T00:00:00.000Z'],
  ['{{ duration("90s") }}', '90s'],
  ['{{ has(event.payload.zz) ? event.payload.zz : "none" }}', 'none'],
  ['Bearer {{secrets.TOKEN}}', `Bearer ${SECRET}`],
])('%j renders as %j', (template, expected) => {
  expect(render(template)).toEqual(expected);
});

test('the whole event renders as it is', () => {
  expect(render('{{event}}')).toEqual(event);
  expect(render({ data: '{{event.payload}}' })).toEqual({ data: event.payload });
});

test('what comes in through a value is never a template', () => {
  expect(render('{{event.payload.braces}} {{event.payload.braces}}')).toBe(
    '{{secrets.TOKEN}} {{secrets.TOKEN}}',
  );
});

test('it says what it names', () => {
  const compiled = compileTemplate(
    [
      '{{steps.search.results[0].url}} {{event.payload.tags.map(t, t + inputs.q)}}',
      { x: '{{secrets.TOKEN}}' },
      '\\{{event.id}}',
    ],
    { allowSecrets: true },
  );
  expect(compiled.references).toEqual([
    'event.payload.tags',
    'inputs.q',
    'secrets.TOKEN',
    'steps.search.results',
  ]);
  expect(compiled.hasTemplates).toBe(true);
  expect(compileTemplate({ a: 'b' }, { allowSecrets: false })).toMatchObject({
    references: [],
    hasTemplates: false,
  });
});

describe('what is refused when it is compiled', () => {
  test.each([
    ['{{', /not closed/],
    ['a {{ b', /not closed/],
    ['{{ "a }}', /not closed/],
    ['{{ a } }}', /not closed/],
    ['{{}}', /empty/],
    ['{{ 1 + }}', /./],
    ['{{ evnt.id }}', /evnt/],
    ['{{ event.pyload }}', /pyload/],
    ['{{ has(event.pyload.x) }}', /pyload/],
    ['{{ process.env }}', /process/],
    ['{{ secrets["TOKEN"] }}', /secrets\.NAME/],
    ['{{ secrets }}', /secrets\.NAME/],
    ['{{ size(secrets) }}', /secrets\.NAME/],
    ['{{ secrets.lower }}', /secrets\.NAME/],
    ['{{ secrets.map(n, n) }}', /secrets\.NAME/],
  ])('%s', (template, message) => {
    expect(() => compileTemplate({ body: [template] }, { allowSecrets: true })).toThrow(message);
    expect(checkTemplate({ body: [template] }, { allowSecrets: true })[0]?.path).toBe('body.0');
  });

  test('all problems of a value at once', () => {
    const problems = checkTemplate(
      { a: '{{x}}', b: { c: ['{{', 'ok', '{{y}} {{z}}'] } },
      { allowSecrets: true },
    );
    expect(problems.map(({ path }) => path)).toEqual(['a', 'b.c.0', 'b.c.2', 'b.c.2']);
  });

  test('secrets where they would be kept', () => {
    expect(problemOf('x {{secrets.TOKEN}}', false).message).toContain('secrets may not be used here');
  });

  test('fields that the events lack, where it is known which events', () => {
    const check = (patterns: readonly string[]) =>
      checkTemplate('{{event.payload.tga}}', { allowSecrets: false, patterns });
    expect(check(['memory.tagged'])).toHaveLength(1);
    expect(check(['memory.*', 'file.created'])).toHaveLength(1);
    expect(check(['memory.tagged', 'custom.x'])).toEqual([]);
    expect(check(['*'])).toEqual([]);
    expect(checkTemplate('{{event.payload.tag}}', { allowSecrets: false, patterns: ['memory.*'] })).toEqual(
      [],
    );
  });

  test('a value that is nested without end', () => {
    let deep: JsonValue = '{{inputs.q}}';
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    expect(checkTemplate(deep, { allowSecrets: false })[0]?.message).toContain('nested');
  });
});

describe('what fails when it is rendered', () => {
  test.each([
    ['{{event.payload.zz}}', /zz/],
    ['{{inputs.zz.y}}', /zz/],
    ['{{webhook.name}}', /webhook/],
    ['{{ 1 / 0 }}', /zero/],
    ['{{ 9007199254740993 }}', /2\^53/],
    ['{{ b"x" }}', /JSON/],
    ['{{ double("nan") }}', /JSON/],
    ['{{ secrets.NOPE }}', /CRUCIBLE_HOOK_SECRET_NOPE/],
  ])('%s', (template, message) => {
    const error = problemOf({ headers: { x: template } });
    expect(error.message).toMatch(message);
    expect(error.path).toBe('headers.x');
    expect(error.template).toBe(template.slice(2, -2).trim());
  });

  test.each([
    '{{ int(secrets.TOKEN) }}',
    '{{ timestamp(secrets.TOKEN) }}',
    '{{ bool(secrets.TOKEN) }}',
    '{{ {"a": 1}[secrets.TOKEN] }}',
    '{{ "x".matches(secrets.TOKEN + "(") }}',
  ])('no error holds a secret: %s', (template) => {
    const error = problemOf(template);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack} ${String(error.cause)}`).not.toContain(
      SECRET,
    );
  });
});

test('text without braces renders as itself, and any text can be escaped', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = text.replaceAll('{{', '\\{{');
      // A brace that an escape leaves over may open the next one.
      fc.pre(!/\{\{\{/.test(text) && !text.includes('\\'));
      expect(compileTemplate(escaped, { allowSecrets: false }).render({})).toBe(text);
    }),
  );
});
