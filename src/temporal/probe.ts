import { connect, constants } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';

/**
 * Whether a Temporal server answers at this address and knows this namespace: one `DescribeNamespace` call, written
 * out by hand over HTTP/2 (gRPC over HTTP2, PROTOCOL-HTTP2.md) so that the supervisor need not load the SDK.
 * @param address `host:port`
 * @returns `serving`, or in words why it does not
 */
export const probeTemporal = (address: string, namespace: string, timeoutMs: number): Promise<string> =>
  new Promise((resolve) => {
    const session = connect(`http://${address}`);
    let settled = false;
    const settle = (answer: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(`no answer within ${timeoutMs} ms`), timeoutMs);
    session.on('error', (error) => settle(error.message));
    session.on('close', () => settle('the connection was closed'));
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    const judge = (headers: IncomingHttpHeaders): void => {
      const status = headers['grpc-status'];
      if (status === undefined) return;
      const message = headers['grpc-message'];
      settle(status === '0' ? 'serving' : `gRPC status ${status.toString()}: ${decode(message)}`);
    };
    // A call that fails at once carries its status in the headers, others in the trailers.
    stream.on('response', judge);
    stream.on('trailers', judge);
    stream.on('error', (error) => settle(error.message));
    stream.on('end', () => settle('the answer carries no gRPC status'));
    stream.resume();
    stream.end(describeNamespaceRequest(namespace));
  });

/** gRPC's frame (compressed flag, length) around protobuf `DescribeNamespaceRequest{namespace = 1}`. */
const describeNamespaceRequest = (namespace: string): Buffer => {
  const name = Buffer.from(namespace);
  if (name.length > 127) throw new Error('a namespace this long needs a longer varint');
  const body = Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(body.length, 1);
  return Buffer.concat([frame, body]);
};

const decode = (message: unknown): string => {
  if (typeof message !== 'string') return '';
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
};
