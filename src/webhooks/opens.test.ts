import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openWebhooks } from '../../test/support/webhooks.ts';
import { assertOpens } from './opens.ts';
import { createSecretBox } from './secret-box.ts';

const webhook = { url: 'http://127.0.0.1:9/hook', filters: [{ event_type: 'custom.note.*' }] };

test('secrets that do not open with the key are told of before the first delivery', async () => {
  await using world = await openWebhooks();
  const { records } = world.log;
  const other = createSecretBox(randomBytes(32));
  await expect(assertOpens(records, other)).resolves.toBeUndefined();
  await world.service.create(webhook);
  await expect(assertOpens(records, world.box)).resolves.toBeUndefined();
  await expect(assertOpens(records, other)).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining('the encryption key is not the one it was sealed with'),
    hint: expect.stringContaining('CRUCIBLE_ENCRYPTION_KEY'),
  });
});
