import { createAccess } from '../../access/access.ts';
import type { Access } from '../../access/access.ts';
import type { Logger } from '../../kernel/logger.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createRouter } from '../../../router/router.ts';
import { fakeServices } from '../../../router/testing/fake-services.ts';
import type { ServiceCall } from '../../../router/testing/fake-services.ts';
import type { Services } from '../../../router/services.ts';
import type { Forwarding } from '../forwarding.ts';
import type { ComponentState } from '../health.ts';
import { createHttpServer } from '../server.ts';
import type { Admission, HttpLimits, HttpServer } from '../server.ts';

export const ADMIN_KEY = 'an-admin-key-of-thirty-two-characters-or-more';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Whatever the server said: each test looks for what it expects.
  readonly body: Record<string, unknown>;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly http: HttpServer;
  readonly calls: readonly ServiceCall[];
  readonly logged: readonly { readonly level: string; readonly fields: object; readonly message: string }[];
  readonly health: { components: readonly ComponentState[] };
  /** With the admin key, unless `headers` says otherwise; an object is sent as JSON. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
}

/** A listening server over fake services, on a free port. */
export const startServer = async (
  options: {
    readonly services?: Partial<Services>;
    readonly limits?: HttpLimits;
    readonly access?: Access;
    readonly admission?: Admission;
    readonly forwarding?: Forwarding;
  } = {},
): Promise<TestServer> => {
  const { services, calls } = fakeServices(options.services);
  const logged: { level: string; fields: object; message: string }[] = [];
  const log =
    (level: string) =>
    (fields: object, message: string): void => {
      logged.push({ level, fields, message });
    };
  const logger: Logger = { ...silentLogger, info: log('info'), warn: log('warn'), error: log('error') };
  const health: { components: readonly ComponentState[] } = { components: [{ name: 'log', state: 'ready' }] };
  const http = createHttpServer({
    router: createRouter(services),
    services,
    access: options.access ?? createAccess({ adminKey: ADMIN_KEY }),
    health: { components: () => health.components },
    logger,
    version: '1.2.3',
    ...(options.admission === undefined ? {} : { admission: options.admission }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.forwarding === undefined ? {} : { forwarding: options.forwarding }),
  });
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    http,
    calls,
    logged,
    health,
    async ask(method, path, body, headers = {}) {
      const raw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      });
      const text = await response.text();
      const json = response.headers.get('content-type')?.includes('json') === true;
      return {
        status: response.status,
        headers: response.headers,
        body: json && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : { text },
      };
    },
    [Symbol.asyncDispose]: () => http.close(0),
  };
};
