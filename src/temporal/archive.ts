import { inflateRawSync } from 'node:zlib';

/*
 * Just enough of two archive formats to take one regular file out of them, so that nothing need be installed for it.
 * Both read from memory: the archives we know are under 100 MB.
 */

const TAR_BLOCK = 512;

/**
 * The content of the first regular file of this base name in a tar archive (POSIX.1-1988 ustar).
 * @returns undefined when there is none
 */
export const fileInTar = (tar: Buffer, baseName: string): Buffer | undefined => {
  let offset = 0;
  while (offset + TAR_BLOCK <= tar.length) {
    const header = tar.subarray(offset, offset + TAR_BLOCK);
    const name = textUntilNul(header.subarray(0, 100));
    if (name === '') return undefined;
    const size = Number.parseInt(textUntilNul(header.subarray(124, 136)).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0)
      throw new Error(`the tar header of ${name} has no valid size`);
    const start = offset + TAR_BLOCK;
    const type = header[156];
    const regular = type === 0 || type === 0x30;
    if (regular && lastSegment(name) === baseName) {
      if (start + size > tar.length) throw new Error(`the tar archive ends inside ${name}`);
      return tar.subarray(start, start + size);
    }
    offset = start + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
  return undefined;
};

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;

/**
 * The content of the first file of this base name in a zip archive (PKWARE APPNOTE 6.3, stored or deflated; no
 * encryption, no zip64).
 * @returns undefined when there is none
 */
export const fileInZip = (zip: Buffer, baseName: string): Buffer | undefined => {
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error('not a zip archive: it has no central directory');
  const entries = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < entries; index += 1) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY)
      throw new Error('the central directory of the zip archive is damaged');
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    if (lastSegment(name) === baseName) return unpack(zip, at, name);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return undefined;
};

const unpack = (zip: Buffer, entry: number, name: string): Buffer => {
  const method = zip.readUInt16LE(entry + 10);
  const packedSize = zip.readUInt32LE(entry + 20);
  const size = zip.readUInt32LE(entry + 24);
  const header = zip.readUInt32LE(entry + 42);
  if (zip.readUInt32LE(header) !== LOCAL_HEADER) throw new Error(`the zip entry ${name} is damaged`);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const packed = zip.subarray(start, start + packedSize);
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed, { maxOutputLength: size });
  throw new Error(`the zip entry ${name} is packed by method ${method}, which is not known here`);
};

const textUntilNul = (bytes: Buffer): string => {
  const nul = bytes.indexOf(0);
  return bytes.toString('utf8', 0, nul === -1 ? bytes.length : nul);
};

const lastSegment = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
