import { describe, expect, test } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { connect, embeddedUrl } from './engine.ts';

const place = { user: undefined, pass: undefined, namespace: 'n', database: 'd' };

describe('the URL of the database', () => {
  test('names a directory; commits are synced whatever else it asks for', () => {
    const url = 'rocksdb:///data dir/é?sync=every';
    for (const given of [
      'rocksdb:///data dir/é',
      'rocksdb:/data dir/é',
      'rocksdb:///data dir/é?sync=never',
    ]) {
      expect(embeddedUrl(given)).toEqual({ directory: '/data dir/é', url });
    }
  });

  test.each([
    'rocksdb://relative/dir',
    'rocksdb:',
    'mem://',
    'surrealkv:///data',
    'nonsense',
    'http://127.0.0.1:1',
  ])('%s is refused with a hint', async (url) => {
    const error: unknown = await connect({ ...place, url }).catch((thrown: unknown) => thrown);
    expect(isCrucibleError(error, 'config_invalid') && error.hint).toMatch(/rocksdb:\/\/\/absolute/);
  });
});
