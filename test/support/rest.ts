import { assertContract } from './contract.ts';
import { TEST_KEY } from './server-process.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // What a server answers is looked at by assertions, field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export type Rest = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** Plain REST calls, as any client would make them; each answer is held against the OpenAPI document. A body that is a string is sent as it is. */
export const restOf =
  (url: string, key: string | undefined = TEST_KEY): Rest =>
  async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    assertContract({ method, path, status: response.status, headers: response.headers, text });
    return { status: response.status, headers: response.headers, body: parse(text) };
  };

const parse = (text: string): unknown => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
