import cors from 'cors';
import type { RequestHandler } from 'express';
import { isAllowedOrigin } from '../access/origins.ts';

const PREFLIGHT_SECONDS = 600;

/** Request headers that the API reads. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'Traceparent',
  'X-Correlation-Id',
  'X-Crucible-Causation-Id',
  'X-Crucible-World',
  'X-Request-Id',
];

/** Headers of answers that a page may read. */
const ANSWER_HEADERS = ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-Request-Id'];

/**
 * CORS (Fetch standard, 3.2) for the configured origins. A page of another origin gets no CORS header at all, so its
 * browser keeps the answer from it; programs, which send no Origin, are not concerned. Cookies are never taken.
 */
export const createCors = (origins: readonly string[]): RequestHandler => {
  const answer = cors({
    // Only called for an origin that may.
    origin: true,
    credentials: false,
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: ANSWER_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
  });
  return (req, res, next) => {
    const { origin } = req.headers;
    if (origin !== undefined && isAllowedOrigin(origin, origins)) {
      answer(req, res, next);
      return;
    }
    // What is stored of the answer must not be given to another origin.
    if (origins.length > 0) res.vary('Origin');
    next();
  };
};
