import { describe, expect, it } from 'vitest';
import { ROLE_PERMISSIONS } from '../src/access/grants.ts';
import { newId } from '../src/kernel/ids.ts';
import type { RequestContext } from './context.ts';
import { createRouter } from './router.ts';
import { fakeServices } from './testing/fake-services.ts';

const WANTED = { id: 'whk_1', url: 'https://example.org', filters: [{ event_type: '*' }] };

/** A caller that sees these worlds; undefined: all. */
const callerOf = (visible: readonly string[] | undefined, permissions = ROLE_PERMISSIONS.editor) => {
  const { services, calls } = fakeServices();
  const source = { kind: 'user', user_id: 'ann' } as const;
  const world = visible?.[0] ?? 'default';
  const context: RequestContext = {
    requestId: 'req_1',
    caller: {
      principal: { id: 'ann', actor: 'user:ann', source, worlds: visible, permissions },
      scope: { world, visible },
      origin: {
        source,
        actor: 'user:ann',
        world,
        correlation_id: newId('cor'),
        causation_id: null,
        depth: 0,
      },
    },
    idempotency: () => undefined,
  };
  return { webhooks: createRouter(services).createCaller(context).webhooks, calls };
};

describe('a change of a webhook', () => {
  it('is for those who may open all of its worlds, the ones before and the ones after', async () => {
    const { webhooks, calls } = callerOf(['default', 'lab']);
    await webhooks.update({ ...WANTED, worlds: ['lab'] });
    await expect(webhooks.update({ ...WANTED, worlds: ['lab', 'secret'] })).rejects.toThrow('secret');
    await expect(callerOf(['lab']).webhooks.update({ ...WANTED, worlds: ['lab'] })).rejects.toThrow(
      'There is no webhook whk_1',
    );
    expect(calls.filter(({ name }) => name === 'webhooks.update')).toHaveLength(1);
  });

  it('needs webhook:write', async () => {
    const { webhooks } = callerOf(undefined, ROLE_PERMISSIONS.reader);
    await expect(webhooks.update(WANTED)).rejects.toThrow('webhook:write');
    await expect(callerOf(undefined).webhooks.update(WANTED)).resolves.toMatchObject({ id: 'whk_1' });
  });

  it('may take the auth away, and leaves it alone when it says nothing of it', async () => {
    const { webhooks } = callerOf(undefined);
    await expect(webhooks.update({ ...WANTED, auth: null })).resolves.toMatchObject({ auth: null });
    await expect(webhooks.update({ ...WANTED, secret: '' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});
