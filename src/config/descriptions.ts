import type { SettingName } from './schema.ts';

export interface Description {
  /** In Markdown, on one line; links are those of docs/reference. */
  readonly meaning: string;
  /** What holds where it is not set and the schema has no default: a value in code marks, or a word. Default `none`. */
  readonly unset?: string;
}

/** What each setting is for: the reference page, `crucible config` and the annotated file say it by this. */
export const DESCRIPTIONS: Readonly<Record<SettingName, Description>> = {
  host: { meaning: 'The address that the HTTP server listens on.' },
  port: { meaning: 'The port of the HTTP server. `0` picks a free one; the line `ready <url>` tells which.' },
  data_dir: {
    meaning:
      "Holds everything that is kept: the database, keys, hooks, Temporal's data. One process at a time.",
  },
  hooks_dir: {
    meaning: "Directories of hook files, separated by the platform's path separator (`:`, on Windows `;`).",
    unset: '`<data>/hooks`',
  },
  files_watch: {
    meaning:
      "Directories whose files are followed, separated by the platform's path separator; in the file a list of paths, or of `{path, world}`. See [Files](files.md).",
  },
  files_ignore: {
    meaning:
      'Names of files and directories that are passed over, with everything in them; `*` stands for any characters, `?` for one. Comma-separated, in the file also a list.',
  },
  api_key: {
    meaning:
      'The admin key, 32 to 512 characters. If none is given, one is generated and kept in `<data>/admin.key` (mode 0600).',
    unset: 'generated',
  },
  encryption_key: {
    meaning:
      '32 bytes in base64, for the secrets of webhooks at rest. If none is given, one is generated and kept in `<data>/encryption.key`.',
    unset: 'generated',
  },
  surreal_url: {
    meaning: 'The database: embedded (`rocksdb://`), or a SurrealDB server (`ws://`, `wss://`).',
    unset: '`rocksdb://<data>/surreal?sync=every`',
  },
  surreal_user: { meaning: 'The user at a SurrealDB server.' },
  surreal_pass: { meaning: 'The password of that user.' },
  surreal_namespace: { meaning: 'The SurrealDB namespace.' },
  surreal_database: { meaning: 'The SurrealDB database.' },
  temporal_address: {
    meaning: '`host:port` of a Temporal server. If none is given, a dev server is started and managed.',
  },
  temporal_namespace: { meaning: 'The Temporal namespace.' },
  temporal_port: { meaning: 'The port of the managed dev server. `0` picks a free one.' },
  temporal_ui_port: { meaning: "The port of the managed dev server's web page. `0` picks a free one." },
  temporal_ui_url: { meaning: 'Where the web page of the server at `temporal_address` is, for links.' },
  temporal_binary: {
    meaning: 'A `temporal` program to use for the managed dev server, instead of finding or fetching one.',
  },
  egress_allow: {
    meaning:
      'Address ranges (CIDR) that hooks and webhooks may reach although they are private; comma-separated, in the file a list. `npm start` also opens loopback.',
  },
  egress_ports: {
    meaning:
      'The ports that hooks and webhooks may reach, instead of 80, 443 and those from 1024 up that belong to no well-known service; comma-separated, in the file a list.',
  },
  trust_proxy: {
    meaning:
      'How many proxies stand in front, or their addresses (comma-separated, CIDR too). Only then is `X-Forwarded-For` believed, for limits by address.',
  },
  cors_origins: {
    meaning:
      'Origins of web pages that may call the API, such as `https://app.example.org`; comma-separated, in the file a list. `*` is any.',
  },
  rate_limit_ip: { meaning: 'Requests of one address, before its credentials are judged.' },
  rate_limit_auth_failures: {
    meaning: 'Failed credentials of one address; good ones pass whatever others of the same address try.',
  },
  rate_limit_read: { meaning: 'Reads with one key, or of one user.' },
  rate_limit_write: { meaning: 'Writes and deletes with one key, or of one user.' },
  rate_limit_execute: { meaning: 'Actions and flows started with one key, or by one user.' },
  jwt_issuer: {
    meaning: 'The issuer of JSON Web Tokens, as their `iss` says it. Without it no tokens are taken.',
  },
  jwt_audience: {
    meaning:
      'Whom tokens must be meant for (`aud`), any one of these; comma-separated. Needed with an issuer.',
  },
  jwt_algorithms: { meaning: 'The signatures that are taken; comma-separated, in the file a list.' },
  jwt_jwks_url: {
    meaning: "Where the issuer's key set is. Without it, and without a key, the issuer is asked.",
  },
  jwt_key: { meaning: 'A public key instead: PEM, JWK or JWK set.' },
  embeddings_url: {
    meaning:
      "The base of an API that turns texts into vectors, in OpenAI's form, such as `https://api.openai.com/v1`. With a model it opens [search by meaning](../guides/semantic-search.md).",
  },
  embeddings_model: { meaning: 'The model of that API. Another one makes all vectors anew.' },
  embeddings_key: { meaning: 'The key of that API, sent as `Authorization: Bearer`.' },
  embeddings_dimensions: {
    meaning:
      'How many numbers a vector has, for models that can be asked. Without it, as many as the model gives.',
  },
  memory_accessed: {
    meaning:
      'Which reads of memories `memory.accessed` tells: `off`, `get` (those by id), or `all` (those that queries find, too). Each is an event, and so a write.',
  },
  dispatch_pack_max: {
    meaning:
      'From 1 to 5,000. How many waiting runs of one target are worked in one go by its drain, and so in one workflow. `1` gives every run a workflow of its own, always, which is slower by far when many wait.',
  },
  workflow_watchdog: {
    meaning:
      '`on` or `off`. Whether Node guards every call into workflow code with a watchdog thread. That code is ours alone, and the guard is a third of what a workflow costs.',
  },
  standby: {
    meaning:
      '`on` or `off`. `on`: while another server writes to its database (a server, `ws://`), it stands by, and takes the place of that one when it is gone; with `internal_key` it answers requests meanwhile. `off`: it waits 30 s for that, then it ends. See [Several servers](../guides/production.md#several-servers).',
  },
  internal_key: {
    meaning:
      'What servers and workers of one database know each other by, 32 to 512 characters, the same for all of them. With it, and a database that is a server, the one that writes opens a door of its own for the others.',
  },
  internal_host: {
    meaning:
      'The address that this door listens on. It speaks plain HTTP: for a network that nobody else is in.',
  },
  internal_port: { meaning: 'The port of this door. `0` picks a free one.' },
  internal_url: {
    meaning:
      'Where the others reach this door, such as `http://crucible-1:8090`. Needed where `internal_host` is every address (`0.0.0.0`).',
    unset: 'of `internal_host` and `internal_port`',
  },
  metrics: {
    meaning:
      'Who may read [`/metrics`](metrics.md): anyone (`open`), whoever may read the system (`key`), or nobody (`off`).',
    unset: '`open` where `host` is loopback and no proxy is trusted, else `key`',
  },
  log_level: { meaning: '`debug`, `info`, `warn` or `error`.' },
  log_format: {
    meaning:
      '`json`: one object a line. `pretty`: a readable line each. `auto`: readable on a terminal, else JSON. Colours are for terminals, and `NO_COLOR` turns them off.',
  },
};
