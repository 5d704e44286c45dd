import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { Counter, Histogram, type Registry } from 'prom-client';
import { routeOn } from './requests.ts';

/** To whom `/metrics` is open. `key`: to whoever may read the system. */
export type MetricsAccess = 'open' | 'key' | 'off';

export interface HttpMetrics {
  /** Counts and times every request. */
  readonly observe: RequestHandler;
  /** Everything in the registry, in Prometheus' text format. */
  answer(res: ServerResponse): Promise<void>;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** From 1 ms to 60 s: what clients wait for. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/**
 * Metrics of requests. Labels have few values: a route is the pattern that the request fell on, never its path, and
 * whatever fell on none is counted together.
 */
export const createHttpMetrics = (
  registry: Registry,
  monotonicMs: () => number = () => performance.now(),
): HttpMetrics => {
  const requests = new Counter({
    name: 'crucible_http_requests_total',
    help: 'Requests that were answered, or given up by the client (status "aborted").',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'crucible_http_request_duration_seconds',
    help: 'From the arrival of the headers to the end of the answer.',
    labelNames: ['method', 'route'],
    buckets: BUCKETS_S,
    registers: [registry],
  });
  return {
    observe: (req, res, next) => {
      const startedAt = monotonicMs();
      res.once('close', () => {
        const method = METHODS.has(req.method) ? req.method : 'other';
        const route = routeOn(res);
        const status = res.writableFinished ? String(res.statusCode) : 'aborted';
        requests.inc({ method, route, status });
        duration.observe({ method, route }, (monotonicMs() - startedAt) / 1000);
      });
      next();
    },
    async answer(res) {
      const text = await registry.metrics();
      res.statusCode = 200;
      res.setHeader('Content-Type', registry.contentType);
      res.setHeader('Content-Length', Buffer.byteLength(text));
      res.end(text);
    },
  };
};
