import { delimiter } from 'node:path';
import { z } from 'zod';
import { TOKEN_ALGORITHMS } from '../access/tokens.ts';
import { RATE } from './rate.ts';

/** A port of this machine; 0 picks a free one. */
const port = z.coerce
  .number({ error: 'must be a port: a whole number from 0 to 65535' })
  .int('must be a whole number')
  .min(0, 'must be 0 (a free port) or more')
  .max(65_535, 'must be at most 65535');

/** A list: in a variable separated by commas. */
const list = z
  .union([z.string().transform((text) => text.split(',').map((part) => part.trim())), z.array(z.string())])
  .transform((parts) => parts.filter((part) => part !== ''));

/** Directories, in a variable separated as paths are; in the file also with the world of each. */
const watched = z
  .union(
    [
      z.string().transform((text) => text.split(delimiter)),
      z.array(
        z.union([
          z.string(),
          z.strictObject({
            path: z.string().min(1),
            world: z
              .string()
              .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be the name of a world')
              .default('default'),
          }),
        ]),
      ),
    ],
    { error: 'must be directories, each a path or {path, world}' },
  )
  .transform((directories) =>
    directories
      .map((each) => (typeof each === 'string' ? { path: each, world: 'default' } : each))
      .filter(({ path }) => path !== ''),
  );

const rate = z.string().regex(RATE, 'must be a rate such as 100/s, 20/m or 100/s+500, or off');

const isProxies = (text: string): boolean => /^\d{1,2}$/.test(text);
const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/** An origin as browsers send it: `https://app.example.org`, without a path. */
const isOrigin = (text: string): boolean =>
  text === '*' || (URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text));

const isEgressPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;

/**
 * Every setting: its place in `crucible.yaml`, its variable, and its default. Secrets are marked, so that no report shows
 * their values.
 */
export const SETTINGS = {
  host: { variable: 'CRUCIBLE_HOST', schema: z.string().min(1).default('127.0.0.1') },
  port: { variable: 'CRUCIBLE_PORT', schema: port.default(8080) },
  data_dir: { variable: 'CRUCIBLE_DATA_DIR', schema: z.string().min(1).default('.crucible') },
  hooks_dir: { variable: 'CRUCIBLE_HOOKS_DIR', schema: z.string().min(1).optional() },
  files_watch: { variable: 'CRUCIBLE_FILES_WATCH', schema: watched.default([]) },
  files_ignore: {
    variable: 'CRUCIBLE_FILES_IGNORE',
    schema: z
      .union([z.string(), z.array(z.string()).transform((names) => names.join(','))])
      .default('.*,node_modules,*~'),
  },
  api_key: {
    variable: 'CRUCIBLE_API_KEY',
    secret: true,
    schema: z.string().min(32, 'must have at least 32 characters').max(512).optional(),
  },
  encryption_key: {
    variable: 'CRUCIBLE_ENCRYPTION_KEY',
    secret: true,
    schema: z
      .string()
      .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 bytes in base64')
      .optional(),
  },
  surreal_url: { variable: 'CRUCIBLE_SURREAL_URL', schema: z.string().min(1).optional() },
  surreal_user: { variable: 'CRUCIBLE_SURREAL_USER', schema: z.string().optional() },
  surreal_pass: { variable: 'CRUCIBLE_SURREAL_PASS', secret: true, schema: z.string().optional() },
  surreal_namespace: {
    variable: 'CRUCIBLE_SURREAL_NAMESPACE',
    schema: z.string().min(1).default('crucible'),
  },
  surreal_database: { variable: 'CRUCIBLE_SURREAL_DATABASE', schema: z.string().min(1).default('crucible') },
  temporal_address: { variable: 'TEMPORAL_ADDRESS', schema: z.string().min(1).optional() },
  temporal_namespace: { variable: 'TEMPORAL_NAMESPACE', schema: z.string().min(1).default('default') },
  temporal_port: { variable: 'CRUCIBLE_TEMPORAL_PORT', schema: port.default(7233) },
  temporal_ui_port: { variable: 'CRUCIBLE_TEMPORAL_UI_PORT', schema: port.default(8233) },
  temporal_ui_url: { variable: 'CRUCIBLE_TEMPORAL_UI_URL', schema: z.url().optional() },
  temporal_binary: { variable: 'CRUCIBLE_TEMPORAL_BINARY', schema: z.string().min(1).optional() },
  egress_allow: {
    variable: 'CRUCIBLE_EGRESS_ALLOW',
    schema: z
      .union([
        z.string().transform((text) => text.split(',').map((part) => part.trim())),
        z.array(z.string()),
      ])
      .transform((ranges) => ranges.filter((range) => range !== ''))
      .pipe(
        z.array(z.union([z.cidrv4(), z.cidrv6()], { error: 'must be address ranges such as 10.0.0.0/8' })),
      )
      .default([]),
  },
  egress_ports: {
    variable: 'CRUCIBLE_EGRESS_PORTS',
    schema: z
      .union([z.string().transform((text) => text.split(',').map(Number)), z.array(z.number())])
      .refine((ports) => ports.length > 0 && ports.every(isEgressPort), {
        error: 'must be ports, whole numbers from 1 to 65535',
      })
      .optional(),
  },
  trust_proxy: {
    variable: 'CRUCIBLE_TRUST_PROXY',
    schema: z
      .union([
        z.number().transform(String),
        z.string(),
        z.array(z.string()).transform((all) => all.join(',')),
      ])
      .refine(
        (text) =>
          text === 'off' ||
          isProxies(text) ||
          text.split(',').every((part) => address.safeParse(part.trim()).success),
        'must be off, a number of proxies, or their addresses such as 10.0.0.0/8',
      )
      .default('off'),
  },
  cors_origins: {
    variable: 'CRUCIBLE_CORS_ORIGINS',
    schema: list
      .refine((origins) => origins.every(isOrigin), 'must be origins such as https://app.example.org, or *')
      .default([]),
  },
  rate_limit_ip: { variable: 'CRUCIBLE_RATE_LIMIT_IP', schema: rate.default('20000/s+40000') },
  rate_limit_auth_failures: {
    variable: 'CRUCIBLE_RATE_LIMIT_AUTH_FAILURES',
    schema: rate.default('60/m'),
  },
  rate_limit_read: { variable: 'CRUCIBLE_RATE_LIMIT_READ', schema: rate.default('10000/s+20000') },
  rate_limit_write: { variable: 'CRUCIBLE_RATE_LIMIT_WRITE', schema: rate.default('10000/s+20000') },
  rate_limit_execute: { variable: 'CRUCIBLE_RATE_LIMIT_EXECUTE', schema: rate.default('500/s+1000') },
  jwt_issuer: {
    variable: 'CRUCIBLE_JWT_ISSUER',
    schema: z.url({ protocol: /^https?$/, error: 'must be the URL of an issuer' }).optional(),
  },
  jwt_audience: { variable: 'CRUCIBLE_JWT_AUDIENCE', schema: list.default([]) },
  jwt_algorithms: {
    variable: 'CRUCIBLE_JWT_ALGORITHMS',
    schema: list
      .pipe(
        z
          .array(z.enum(TOKEN_ALGORITHMS, { error: `must be some of ${TOKEN_ALGORITHMS.join(', ')}` }))
          .min(1, 'must name an algorithm'),
      )
      .default(['RS256', 'ES256', 'EdDSA']),
  },
  jwt_jwks_url: {
    variable: 'CRUCIBLE_JWT_JWKS_URL',
    schema: z.url({ protocol: /^https?$/, error: 'must be the URL of a key set' }).optional(),
  },
  jwt_key: { variable: 'CRUCIBLE_JWT_KEY', schema: z.string().min(1).optional() },
  embeddings_url: {
    variable: 'CRUCIBLE_EMBEDDINGS_URL',
    schema: z
      .url({
        protocol: /^https?$/,
        error: 'must be the base URL of an API such as https://api.openai.com/v1',
      })
      .optional(),
  },
  embeddings_model: { variable: 'CRUCIBLE_EMBEDDINGS_MODEL', schema: z.string().min(1).max(200).optional() },
  embeddings_key: {
    variable: 'CRUCIBLE_EMBEDDINGS_KEY',
    secret: true,
    schema: z
      .string()
      .regex(/^[\x21-\x7e]{1,4096}$/, 'must be printable ASCII without blanks')
      .optional(),
  },
  embeddings_dimensions: {
    variable: 'CRUCIBLE_EMBEDDINGS_DIMENSIONS',
    schema: z.coerce
      .number({ error: 'must be a whole number' })
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(16_384, 'must be at most 16384')
      .optional(),
  },
  memory_accessed: {
    variable: 'CRUCIBLE_MEMORY_ACCESSED',
    schema: z.enum(['off', 'get', 'all']).default('off'),
  },
  dispatch_pack_max: {
    variable: 'CRUCIBLE_DISPATCH_PACK_MAX',
    schema: z.coerce.number().int().min(1).max(5_000).default(1_000),
  },
  workflow_watchdog: { variable: 'CRUCIBLE_WORKFLOW_WATCHDOG', schema: z.enum(['on', 'off']).default('off') },
  standby: { variable: 'CRUCIBLE_STANDBY', schema: z.enum(['on', 'off']).default('off') },
  internal_key: {
    variable: 'CRUCIBLE_INTERNAL_KEY',
    secret: true,
    schema: z
      .string()
      .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without blanks')
      .min(32, 'must have at least 32 characters')
      .max(512)
      .optional(),
  },
  internal_host: { variable: 'CRUCIBLE_INTERNAL_HOST', schema: z.string().min(1).default('127.0.0.1') },
  internal_port: { variable: 'CRUCIBLE_INTERNAL_PORT', schema: port.default(8090) },
  internal_url: {
    variable: 'CRUCIBLE_INTERNAL_URL',
    schema: z
      .string()
      .refine(
        (text) => text.startsWith('http:') && isOrigin(text.replace(/\/$/, '')),
        'must be http, a host and a port, such as http://crucible-1:8090',
      )
      .optional(),
  },
  metrics: { variable: 'CRUCIBLE_METRICS', schema: z.enum(['open', 'key', 'off']).optional() },
  log_level: {
    variable: 'CRUCIBLE_LOG_LEVEL',
    schema: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  },
  log_format: { variable: 'CRUCIBLE_LOG_FORMAT', schema: z.enum(['auto', 'json', 'pretty']).default('auto') },
} as const satisfies Record<string, Setting>;

interface Setting {
  readonly variable: string;
  readonly secret?: boolean;
  readonly schema: z.ZodType;
}

export type SettingName = keyof typeof SETTINGS;

export type Settings = { readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> };
