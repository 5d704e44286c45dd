import { TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { CrucibleError } from '../kernel/errors.ts';
import type { Run } from '../dispatch/run.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/protocol.ts';
import type { TemporalConnection } from './connection.ts';
import { namespaceUnavailable } from './failures.ts';

const keys = {
  kind: defineSearchAttributeKey('CrucibleKind', SEARCH_ATTRIBUTES.CrucibleKind),
  target: defineSearchAttributeKey('CrucibleTarget', SEARCH_ATTRIBUTES.CrucibleTarget),
  eventType: defineSearchAttributeKey('CrucibleEventType', SEARCH_ATTRIBUTES.CrucibleEventType),
  runIds: defineSearchAttributeKey('CrucibleRunIds', SEARCH_ATTRIBUTES.CrucibleRunIds),
  correlationIds: defineSearchAttributeKey(
    'CrucibleCorrelationIds',
    SEARCH_ATTRIBUTES.CrucibleCorrelationIds,
  ),
  firstPosition: defineSearchAttributeKey('CrucibleFirstPosition', SEARCH_ATTRIBUTES.CrucibleFirstPosition),
  lastPosition: defineSearchAttributeKey('CrucibleLastPosition', SEARCH_ATTRIBUTES.CrucibleLastPosition),
};

/** What a run's workflow can be found by in Temporal. Never anything secret: these are stored in the clear. */
export const runAttributes = (run: Run): TypedSearchAttributes =>
  new TypedSearchAttributes([
    { key: keys.kind, value: run.kind },
    { key: keys.target, value: run.target },
    { key: keys.eventType, value: run.event_type },
    { key: keys.runIds, value: [run.id] },
    { key: keys.correlationIds, value: [run.correlation_id] },
    { key: keys.firstPosition, value: run.event_position },
    { key: keys.lastPosition, value: run.event_position },
  ]);

/** What the drain of a target can be found by; the runs that it has worked it adds itself. */
export const drainAttributes = (target: string): TypedSearchAttributes =>
  new TypedSearchAttributes([
    { key: keys.kind, value: 'drain' },
    { key: keys.target, value: target },
  ]);

/** `temporal.api.enums.v1.IndexedValueType` */
const ENCODED_TYPES = { KEYWORD: 2, INT: 3, KEYWORD_LIST: 7 } as const;

/** Whatever is missing, by name and encoded type; and what exists under another type. */
const compareAttributes = (
  existing: Readonly<Record<string, number>>,
): { missing: Record<string, number>; clashes: string[] } => {
  const missing: Record<string, number> = {};
  const clashes: string[] = [];
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    const wanted = ENCODED_TYPES[type];
    const found = existing[name];
    if (found === undefined) missing[name] = wanted;
    else if (found !== wanted) clashes.push(`${name} (wanted as ${type})`);
  }
  return { missing, clashes };
};

/**
 * Registers the search attributes that the namespace lacks. Safe to call from several processes at once.
 * @throws CrucibleError `config_invalid` (one exists with another type), `temporal_unavailable`
 */
export const ensureSearchAttributes = async (connection: TemporalConnection): Promise<void> => {
  const { namespace, native } = connection;
  let clashes: string[];
  try {
    const listed = await native.operatorService.listSearchAttributes({ namespace });
    const compared = compareAttributes({ ...listed.customAttributes });
    clashes = compared.clashes;
    if (clashes.length === 0 && Object.keys(compared.missing).length > 0) {
      await native.operatorService.addSearchAttributes({ namespace, searchAttributes: compared.missing });
    }
  } catch (error) {
    const what = `The search attributes of namespace ${namespace} could not be set up`;
    throw namespaceUnavailable(what, connection, error);
  }
  if (clashes.length > 0) {
    throw new CrucibleError(
      'config_invalid',
      `The Temporal namespace ${namespace} has search attributes of ours under another type: ${clashes.join(', ')}.`,
      { hint: 'Use another namespace by TEMPORAL_NAMESPACE, or remove these attributes there.' },
    );
  }
};
