import type { CrucibleEvent } from '../events/envelope.ts';
import type { Terms } from './store.ts';

/** A bucket holds 65,536 positions. */
const BUCKET_SIZE = 65_536;

/**
 * Terms that come again and again (type, actor, world) carry the bucket of their position, so that reading one term
 * never means reading the whole log: an index read has no LIMIT.
 */
export const bucketOf = (position: number): number => Math.floor(position / BUCKET_SIZE);

/** The first position of a bucket. */
export const bucketStart = (bucket: number): number => bucket * BUCKET_SIZE;

export const bucketTerm = (value: string, bucket: number): string => `${value}@${bucket}`;

/** The distinct terms of one commit's events. */
export const termsOf = (events: readonly CrucibleEvent[]): Terms => {
  const types = new Set<string>();
  const actors = new Set<string>();
  const worlds = new Set<string>();
  const subjects = new Set<string>();
  const correlations = new Set<string>();
  const ids: string[] = [];
  for (const event of events) {
    const bucket = bucketOf(event.position);
    types.add(bucketTerm(event.type, bucket));
    actors.add(bucketTerm(event.actor, bucket));
    worlds.add(bucketTerm(event.world, bucket));
    if (event.subject !== null) subjects.add(event.subject);
    correlations.add(event.correlation_id);
    ids.push(event.id);
  }
  return {
    types: [...types],
    actors: [...actors],
    worlds: [...worlds],
    subjects: [...subjects],
    correlations: [...correlations],
    ids,
  };
};
