import { describe, expect, it } from 'vitest';
import { newId } from '../kernel/ids.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { prepareSecrets } from './opened.ts';
import { buildRequest, messageIdOf } from './request.ts';
import type { WebhookRow, WebhookSecrets } from './row.ts';
import { newSigningSecret } from './signing-secret.ts';
import { verifyStandard } from './verify.ts';

const NOW = 1_800_000_000_000;
const event: CrucibleEvent = {
  id: newId('evt'),
  type: 'custom.note.imported',
  version: '1.0.0',
  source: { kind: 'system', component: 'test' },
  actor: 'system:test',
  subject: null,
  correlation_id: newId('cor'),
  causation_id: null,
  depth: 0,
  world: 'default',
  room: null,
  payload: { title: 'A note' },
  position: 7,
  timestamp: '2027-01-15T08:00:00.000Z',
};
const row = {
  id: newId('whk'),
  url: 'https://example.com/',
  options: { headers: {} },
} as unknown as WebhookRow;
const run = { id: newId('run'), generation: 0 };

const build = (secrets: Partial<WebhookSecrets>, nowMs = NOW, attempt = 1, of = event) =>
  buildRequest({
    row,
    run,
    event: of,
    opened: prepareSecrets({
      signing: [{ secret: newSigningSecret(), until: null }],
      auth: null,
      headers: {},
      ...secrets,
    }),
    name: 'notes',
    format: 'crucible',
    attempt,
    nowMs,
    version: '0.1.0',
  });

describe('a request', () => {
  it('is signed with the old secret too, until its time is over', () => {
    const [older, newer] = [newSigningSecret(), newSigningSecret()];
    const signing = [
      { secret: newer, until: null },
      { secret: older, until: NOW + 1_000 },
    ];
    const signatures = (nowMs: number) =>
      build({ signing }, nowMs).headers['webhook-signature']?.split(' ').length;
    expect(signatures(NOW + 999)).toBe(2);
    expect(signatures(NOW + 1_000)).toBe(1);
    const { headers, body } = build({ signing }, NOW + 1_000);
    const now = () => NOW;
    expect(verifyStandard({ headers, body, secret: newer, now }).id).toBe(messageIdOf(run.id));
    expect(() => verifyStandard({ headers, body, secret: older, now })).toThrow(/No signature fits/);
  });

  it('has the same body, byte for byte, at every attempt', () => {
    const bodies = [1, 2, 3].map((attempt) => build({}, NOW + attempt * 60_000, attempt).body);
    expect(new Set(bodies)).toEqual(
      new Set([
        JSON.stringify({
          type: event.type,
          timestamp: event.timestamp,
          data: event,
          webhook: { id: row.id, name: 'notes' },
        }),
      ]),
    );
  });

  it('does not let a stored header replace one of ours', () => {
    const headers = { 'Webhook-Id': 'forged', 'X-Crucible-Attempt': '99', 'Content-Type': 'text/plain' };
    expect(build({ headers }).headers).toMatchObject({
      'webhook-id': messageIdOf(run.id),
      'x-crucible-attempt': '1',
      'content-type': 'application/json',
    });
  });

  it('makes a header of any correlation id', () => {
    const odd = { ...event, correlation_id: 'größe 1\r\nX: y' };
    expect(build({}, NOW, 1, odd).headers['x-correlation-id']).toBe('gr%C3%B6%C3%9Fe%201%0D%0AX%3A%20y');
  });
});
