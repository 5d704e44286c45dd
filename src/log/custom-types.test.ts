import { expect, test } from 'vitest';
import { catalogue } from '../events/catalogue.ts';
import { createCustomTypes, type CompileSchema } from '../events/custom-types.ts';
import { withOrigin } from '../kernel/context.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { createLog, idleReactor } from './create-log.ts';
import { createCustomTypeService, CUSTOM_TYPE_TABLE, loadCustomTypes } from './custom-types.ts';
import { createMemoryStore } from './memory-store.ts';

const alice: Origin = {
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world: 'default',
  correlation_id: 'cor_story',
  causation_id: null,
  depth: 0,
};
const clock = { now: () => 1_000 };
const compile: CompileSchema = () => (value) =>
  JSON.stringify(value) === '{}' ? [] : [{ path: 'x', message: 'does not fit' }];

test('what is registered is in the log, and holds after a restart', async () => {
  const log = await createLog({
    store: createMemoryStore({ tables: [CUSTOM_TYPE_TABLE] }),
    reactor: idleReactor,
    clock,
    logger: silentLogger,
    upcast: catalogue.upcast,
  });
  const types = createCustomTypes(compile);
  const service = createCustomTypeService({ log, types, compile, clock, newId });
  const register = (version: string) =>
    withOrigin(alice, () => service.register({ type: 'custom.x', version, schema: { type: 'object' } }));
  await register('1.2.0');
  await register('1.10.0');
  await register('1.10.0');
  const { data } = await log.query({ types: ['system.config_changed'], order: 'desc' });
  expect(data.map(({ subject, payload, actor }) => [subject, actor, payload['keys']])).toEqual([
    ['custom.x', 'user:alice', ['event-types.custom.x@1.10.0']],
    ['custom.x', 'user:alice', ['event-types.custom.x@1.2.0']],
  ]);

  const restarted = createCustomTypes(compile);
  await loadCustomTypes(log.records, restarted, silentLogger);
  expect(restarted.versions('custom.x').map(({ version }) => version)).toEqual(['1.2.0', '1.10.0']);
  expect(restarted.judge('custom.x', undefined, { a: 1 })).toEqual({
    version: '1.10.0',
    unknown: false,
    issues: [{ path: 'x', message: 'does not fit' }],
  });
  expect(restarted.judge('custom.x', '9.0.0', {})).toMatchObject({ unknown: true });
  expect(restarted.judge('custom.y', undefined, {})).toBeUndefined();
  await log.close();
});
