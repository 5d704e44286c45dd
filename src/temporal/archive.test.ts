import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fileInTar, fileInZip } from './archive.ts';
import { tarOf, zipOf } from '../../test/support/temporal-archives.ts';

const program = Buffer.from('the program, whose length is no multiple of 512');

describe('tar', () => {
  test('finds a file by its base name, behind others and behind directories', () => {
    const tar = tarOf([
      { name: 'temporal/', content: Buffer.alloc(0), type: '5' },
      { name: 'temporal/LICENSE', content: Buffer.alloc(700, 'x') },
      { name: 'temporal/temporal', content: program },
    ]);
    expect(fileInTar(tar, 'temporal')).toEqual(program);
    expect(fileInTar(tar, 'LICENSE')).toHaveLength(700);
    expect(fileInTar(tar, 'missing')).toBeUndefined();
  });

  test('a link of that name is not a file', () => {
    expect(
      fileInTar(tarOf([{ name: 'temporal', content: Buffer.alloc(0), type: '2' }]), 'temporal'),
    ).toBeUndefined();
  });

  test('one that ends inside the file, or has no size, is refused', () => {
    const tar = tarOf([{ name: 'temporal', content: Buffer.alloc(5_000) }]);
    expect(() => fileInTar(tar.subarray(0, 1_024), 'temporal')).toThrow(/ends inside/);
    tar.write('zzzzzzzzzzz', 124);
    expect(() => fileInTar(tar, 'temporal')).toThrow(/no valid size/);
  });
});

describe('zip', () => {
  test('finds a deflated and a stored file', () => {
    const zip = zipOf([
      { name: 'x.dist-info/METADATA', content: Buffer.from('about') },
      { name: 'x.data/scripts/temporal', content: program, deflated: true },
    ]);
    expect(fileInZip(zip, 'temporal')).toEqual(program);
    expect(fileInZip(zip, 'METADATA')?.toString()).toBe('about');
    expect(fileInZip(zip, 'missing')).toBeUndefined();
  });

  test('what is no zip, or damaged, is refused', () => {
    expect(() => fileInZip(Buffer.from('not a zip'), 'temporal')).toThrow(/not a zip/);
    const zip = zipOf([{ name: 'temporal', content: program }]);
    zip.writeUInt32LE(0, 0);
    expect(() => fileInZip(zip, 'temporal')).toThrow(/damaged/);
  });

  test('content that unpacks to more than its entry says is refused', () => {
    const bomb = zipOf([
      { name: 'temporal', content: Buffer.alloc(1_000_000), deflated: true, claimedSize: 10 },
    ]);
    expect(deflateRawSync(Buffer.alloc(1_000_000)).length).toBeLessThan(2_000);
    expect(() => fileInZip(bomb, 'temporal')).toThrow(/larger than 10 bytes/);
  });
});
