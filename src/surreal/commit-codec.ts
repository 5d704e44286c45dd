import { Encoder } from 'cbor-x';
import { RecordId } from 'surrealdb';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { Batch, StoredCommit } from '../log/store.ts';

/**
 * Events as one CBOR (RFC 8949) byte string, plain maps and arrays, so that SurrealQL reads it too:
 * `encoding::cbor::decode(events)`.
 */
const cbor = new Encoder({
  useRecords: false,
  variableMapSize: true,
  int64AsNumber: true,
  tagUint8Array: false,
} as ConstructorParameters<typeof Encoder>[0]);

/** How a commit comes out of the database. */
export interface CommitRow {
  readonly first: number;
  readonly last: number;
  readonly time: number;
  readonly events: ArrayBuffer | Uint8Array;
}

export const encodeCommit = ({
  first,
  last,
  timeMs,
  events,
  terms,
}: NonNullable<Batch['commit']>): object => ({
  id: new RecordId('commit', first),
  first,
  last,
  time: timeMs,
  events: exactBytes(cbor.encode(events)),
  ...terms,
});

export const decodeCommit = ({ first, last, time, events }: CommitRow): StoredCommit => ({
  first,
  last,
  timeMs: time,
  events: cbor.decode(
    events instanceof Uint8Array ? events : new Uint8Array(events),
  ) as readonly CrucibleEvent[],
});

/** The encoder hands out a view of its own buffer, which it will write over. */
const exactBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
