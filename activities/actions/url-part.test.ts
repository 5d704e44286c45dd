import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileTemplate } from '../../src/events/template.ts';
import { urlPart } from './url-part.ts';

const render = (url: string, x: string, secret = 'https://a.example/base'): unknown =>
  compileTemplate(url, { allowSecrets: true, embed: urlPart }).render({
    event: { type: 'custom.a', payload: { x } },
    secrets: () => secret,
  });

describe('a template in a URL', () => {
  it.each([
    ['https://a.example/notes/{{event.payload.x}}', 'msg_1-a', 'https://a.example/notes/msg_1-a'],
    [
      'https://a.example/notes/{{event.payload.x}}',
      '../admin?all=1#',
      'https://a.example/notes/..%2Fadmin%3Fall%3D1%23',
    ],
    [
      'https://a.example/n?q={{event.payload.x}}&k=1',
      'a&k=2 #ü',
      'https://a.example/n?q=a%26k%3D2%20%23%C3%BC&k=1',
    ],
    ['https://a.example/notes/{{event.payload.x}}/tags', '..', 'https://a.example/notes//tags'],
    ['https://a.example/n?q={{event.payload.x}}', '..', 'https://a.example/n?q=..'],
    ['https://a.example/n?q={{event.payload.x}}', '\ud800', 'https://a.example/n?q=%EF%BF%BD'],
    ['{{secrets.BASE}}/{{event.payload.x}}', 'a/b', 'https://a.example/base/a%2Fb'],
    ['{{event.payload.x}}', 'https://b.example/x?y=z', 'https://b.example/x?y=z'],
    ['https://{{event.payload.x}}/a', 'b.example:8443', 'https://b.example:8443/a'],
  ])('%s with %j is %s', (url, x, expected) => {
    expect(render(url, x)).toBe(expected);
  });

  it('leads to the same place and adds no parameter, whatever the event holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (x) => {
        const url = new URL(
          String(render('https://a.example/notes/{{event.payload.x}}/tags?q={{event.payload.x}}', x)),
        );
        expect(url.origin).toBe('https://a.example');
        expect(url.pathname).toMatch(/^\/notes\/[^/]*\/tags$/);
        expect([...url.searchParams]).toEqual([['q', x.toWellFormed()]]);
        expect(url.hash).toBe('');
      }),
    );
  });
});
