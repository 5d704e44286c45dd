import { createRouter } from '../../router/router.ts';
import { catalogue } from '../events/catalogue.ts';
import { createHttpMetrics } from '../http/metrics.ts';
import { createHttpServer, type HttpServer, type HttpServerDeps } from '../http/server.ts';
import type { KeyService } from '../access/keys.ts';
import type { CrucibleDeps } from './deps.ts';
import { eventTypes } from './event-types.ts';
import type { Metrics } from './metrics.ts';
import type { OpenServices } from './open-services.ts';
import type { Streams } from './open-stream.ts';
import { workflowUrls } from './workflow-url.ts';

/** The API over these services, of a server that writes or of one that follows, with the stream on the same port. */
export const openApi = (
  { config, logger, version }: Pick<CrucibleDeps, 'config' | 'logger' | 'version'>,
  {
    services,
    keys,
    stream,
    metrics,
    ...own
  }: Pick<HttpServerDeps, 'access' | 'health' | 'forwarding'> & {
    readonly services: Omit<OpenServices, 'egress' | 'policies'>;
    readonly keys: KeyService;
    readonly stream: Streams;
    readonly metrics: Metrics;
  },
): HttpServer => {
  const http = createHttpServer({
    ...own,
    router: createRouter({
      ...services,
      keys,
      feed: stream.feed,
      eventTypes: () => eventTypes(catalogue, services.customTypes),
      workflowUrl: workflowUrls(config.temporal),
      version,
    }),
    services,
    admission: config.httpAccess,
    logger: logger.child({ component: 'http' }),
    version,
    metrics: { http: createHttpMetrics(metrics.registry), access: config.metrics },
  });
  stream.server.attach(http.node);
  metrics.watch(
    'crucible_stream_connections',
    'Open connections of the stream, WebSockets and server-sent events.',
    () => stream.server.figures().connections + stream.feed.readers,
  );
  return http;
};
