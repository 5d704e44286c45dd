import type { JsonObject } from '../kernel/json.ts';
import { sourceText } from './filters/envelope-fields.ts';
import type { CrucibleEvent } from './envelope.ts';

/** An event as a CloudEvent in JSON (CloudEvents 1.0.2, structured mode), with the extensions that we know. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  /** A URI reference: the world, and in it who it comes from. */
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly dataschema: string;
  /** The position, zero-padded to 20 digits, so that text sorts as numbers do (extension `sequence`). */
  readonly sequence: string;
  /** W3C Trace Context, where the correlation id is or holds a UUID (extension Distributed Tracing). */
  readonly traceparent?: string;
  readonly correlationid: string;
  readonly causationid?: string;
  readonly actor: string;
  readonly data: JsonObject;
}

const POSITION_DIGITS = 20;

/**
 * The CloudEvent of a committed event.
 * @param baseUrl our own address, without a slash at the end, where schemas can be read; without it, `dataschema` is a URN
 */
export const toCloudEvent = (event: CrucibleEvent, baseUrl?: string): CloudEvent => {
  const traceparent = traceparentOf(event);
  return {
    specversion: '1.0',
    id: event.id,
    source: `/worlds/${encodeURIComponent(event.world)}/${sourceText(event.source).split(':').map(encodeURIComponent).join('/')}`,
    type: event.type,
    ...(event.subject === null ? undefined : { subject: event.subject }),
    time: event.timestamp,
    datacontenttype: 'application/json',
    dataschema: schemaUri(event, baseUrl),
    sequence: String(event.position).padStart(POSITION_DIGITS, '0'),
    ...(traceparent === undefined ? undefined : { traceparent }),
    correlationid: event.correlation_id,
    ...(event.causation_id === null ? undefined : { causationid: event.causation_id }),
    actor: event.actor,
    data: event.payload,
  };
};

/** `dataschema` must be an absolute URI. */
const schemaUri = ({ type, version }: CrucibleEvent, baseUrl: string | undefined): string =>
  baseUrl === undefined
    ? `urn:crucible:event-type:${type}:${version}`
    : `${baseUrl}/api/v1/event-types/${type}?version=${encodeURIComponent(version)}`;

const UUID = /([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/;

/**
 * A `traceparent` (https://www.w3.org/TR/trace-context/) by which all events of a story fall into one trace: the trace
 * id is the UUID of the correlation id, the parent id is the end of the event's own. Undefined where an id has no UUID.
 */
export const traceparentOf = (event: Pick<CrucibleEvent, 'id' | 'correlation_id'>): string | undefined => {
  const trace = UUID.exec(event.correlation_id) ?? /^([0-9a-f]{32})$/.exec(event.correlation_id);
  const parent = UUID.exec(event.id);
  if (trace === null || parent === null) return undefined;
  const traceId = trace.slice(1).join('');
  const parentId = `${parent[4]}${parent[5]}`;
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : `00-${traceId}-${parentId}-01`;
};
