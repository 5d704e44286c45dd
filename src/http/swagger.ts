import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Request, Response } from 'express';
import { CrucibleError } from '../kernel/errors.ts';
import type { RateLimits } from './rate-limit.ts';
import { clientOn } from './requests.ts';

/** Everything comes from this server, no script stands in the page, and nothing is sent elsewhere. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI writes styles into its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Crucible Events API</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <noscript>This page needs JavaScript. The document itself is at <a href="openapi.json">openapi.json</a>.</noscript>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/** Without a validator, which would send the document away; and without what the address bar says. */
const START = `window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
});
`;

interface Asset {
  readonly type: string;
  readonly read: () => Promise<Buffer>;
}

const once = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
};

const distributed = (name: string): (() => Promise<Buffer>) =>
  once(() =>
    readFile(join(dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')), name)),
  );

const made = (text: string) => (): Promise<Buffer> => Promise.resolve(Buffer.from(text, 'utf8'));

/** Below the mount. Nothing else of the distribution is served. */
const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['/', { type: 'text/html; charset=utf-8', read: made(PAGE) }],
  ['/start.js', { type: 'text/javascript; charset=utf-8', read: made(START) }],
  [
    '/swagger-ui-bundle.js',
    { type: 'text/javascript; charset=utf-8', read: distributed('swagger-ui-bundle.js') },
  ],
  ['/swagger-ui.css', { type: 'text/css; charset=utf-8', read: distributed('swagger-ui.css') }],
  ['/favicon-32x32.png', { type: 'image/png', read: distributed('favicon-32x32.png') }],
]);

/** Swagger UI over the document of this server: works without any other one. Open to all, as the document is. */
export const createSwagger =
  (deps: { readonly limits: RateLimits }): ((req: Request, res: Response) => Promise<void>) =>
  async (req, res) => {
    await deps.limits.ofAddress(res, clientOn(res), 1);
    const asset = ASSETS.get(req.path);
    if (asset === undefined)
      throw new CrucibleError('not_found', 'There is nothing at this path', { hint: 'GET /api/v1/docs' });
    // The page's addresses are relative to the path without a slash behind it.
    if (req.path === '/' && req.originalUrl.split('?', 1)[0]?.endsWith('/') === true) {
      res.writeHead(308, { location: '../docs' }).end();
      return;
    }
    const body = await asset.read();
    res.setHeader('Content-Security-Policy', POLICY);
    res.setHeader('Content-Type', asset.type);
    res.setHeader('Content-Length', body.length);
    if (req.path !== '/') res.setHeader('Cache-Control', 'public, max-age=3600');
    res.end(req.method === 'HEAD' ? undefined : body);
  };
