import { describe, expect, test } from 'vitest';
import { sampleEvent, sampleRun } from '../../router/testing/fake-services.ts';
import { assertContract } from '../support/contract.ts';

/* What holds every answer of the other tests against the document: it must be able to refuse. */

const answer = (
  method: string,
  path: string,
  status: number,
  body: unknown,
  over: { readonly type?: string; readonly without?: string } = {},
) => {
  const headers = new Headers({
    'x-request-id': 'req_1',
    'retry-after': '1',
    'www-authenticate': 'Bearer',
    ...(body !== undefined && { 'content-type': over.type ?? 'application/json; charset=utf-8' }),
  });
  if (over.without !== undefined) headers.delete(over.without);
  return { method, path, status, headers, text: body === undefined ? '' : JSON.stringify(body) };
};
const page = (...events: readonly object[]) => ({ data: events, next_cursor: null });
const explanation = (run: unknown) => ({
  data: [
    {
      target: 'hook:a',
      kind: 'hook',
      exists: true,
      matches: false,
      effect: 'none',
      because: 'x',
      clauses: [],
      run,
      changed_since: false,
    },
  ],
  next_cursor: null,
});
const problem = {
  type: 'urn:crucible:error:not_found',
  title: 'No such thing',
  status: 404,
  detail: 'x',
  code: 'not_found',
  request_id: 'req_1',
};
const asProblem = { type: 'application/problem+json' };

describe('the check of answers', () => {
  test.each<[string, ReturnType<typeof answer>]>([
    ['a page of events', answer('GET', '/events?limit=1', 200, page(sampleEvent))],
    ['null where null may be', answer('GET', '/events/x/explain', 200, explanation(null))],
    ['no body', answer('DELETE', '/hooks/a', 204, undefined)],
    ['a problem', answer('GET', '/runs/x', 404, problem, asProblem)],
    ['a path that there is not', answer('GET', '/nothing', 404, problem, asProblem)],
    ['a method that there is not', answer('PATCH', '/hooks/a', 405, problem, asProblem)],
    ['lines', answer('POST', '/memory/import', 200, {}, { type: 'application/x-ndjson; charset=utf-8' })],
  ])('lets through %s', (_name, good) => {
    expect(() => assertContract(good)).not.toThrow();
  });

  const { type: _type, ...untyped } = sampleEvent;
  test.each<[string, ReturnType<typeof answer>, RegExp]>([
    ['a status', answer('GET', '/events', 201, page(sampleEvent)), /status 201/],
    ['a field less', answer('GET', '/events', 200, page(untyped)), /required property 'type'/],
    ['a field more', answer('GET', '/events', 200, page({ ...sampleEvent, secret: 1 })), /additional/],
    ['another type', answer('GET', '/events', 200, page({ ...sampleEvent, depth: 'x' })), /depth/],
    ['null', answer('GET', '/events', 200, page({ ...sampleEvent, actor: null })), /actor/],
    ['a run that is none', answer('GET', '/events/x/explain', 200, explanation({})), /required/],
    ['what a row holds', answer('POST', '/runs/x/replay', 202, sampleRun), /additional|required/],
    ['a body', answer('DELETE', '/hooks/a', 204, {}), /content type/],
    ['a content type', answer('GET', '/runs/x', 404, problem), /content type/],
    ['a code', answer('GET', '/runs/x', 404, { ...problem, code: 'odd' }, asProblem), /code/],
    [
      'a header less',
      answer('GET', '/runs/x', 429, problem, { ...asProblem, without: 'retry-after' }),
      /Retry-After/,
    ],
    [
      'a page for a path that there is not',
      answer('GET', '/nothing', 404, '<html>', { type: 'text/html' }),
      /text\/html/,
    ],
  ])('refuses %s that the document does not have', (_name, bad, message) => {
    expect(() => assertContract(bad)).toThrow(message);
  });
});
