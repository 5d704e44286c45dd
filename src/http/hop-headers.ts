import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Of one connection, not of the message (RFC 9110, 7.6.1). `host` is that of the next one. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What `Connection` names belongs to that connection too. */
const namedByConnection = ({ connection }: IncomingHttpHeaders): ReadonlySet<string> =>
  new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));

/**
 * The headers of a message that go with it to the next one, each with all its values.
 * @param own names that only we may say, lower case
 */
export const passedHeaders = (
  message: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
  own: ReadonlySet<string>,
): OutgoingHttpHeaders => {
  const named = namedByConnection(message.headers);
  return Object.fromEntries(
    Object.entries(message.headersDistinct).flatMap(([name, values = []]) => {
      if (HOP_BY_HOP.has(name) || named.has(name) || own.has(name)) return [];
      const [only] = values;
      return only === undefined ? [] : [[name, values.length === 1 ? only : values]];
    }),
  );
};
