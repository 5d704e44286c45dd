import type { TokenAlgorithm } from '../access/tokens.ts';
import type { EgressPolicy } from '../egress/egress.ts';
import type { Rate } from './rate.ts';
import type { Settings } from './schema.ts';

/** The door for the other servers and the workers of one database. */
export interface InternalConfig {
  /** Secret: what they know each other by, at least 32 characters. */
  readonly key: string;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Where the others reach it; undefined: at the host and port. */
  readonly url: string | undefined;
}

/** Whose tokens are taken, and what verifies them. */
export interface JwtConfig {
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly algorithms: readonly TokenAlgorithm[];
  /** Of the key set; undefined, and no `key`: the issuer is asked where it is. */
  readonly keysUrl: string | undefined;
  /** A public key, as text. */
  readonly key: string | undefined;
}

/** Who turns texts into vectors. */
export interface EmbeddingsConfig {
  /** The base of an API that is OpenAI's in form; `/embeddings` comes after it. */
  readonly url: string;
  readonly model: string;
  /** Secret. */
  readonly key: string | undefined;
  /** Asked of the model; undefined: as many as it gives. */
  readonly dimensions: number | undefined;
}

/** What the HTTP server lets through. */
interface HttpAccessConfig {
  /** How many proxies stand in front, or which addresses they have; undefined: none. */
  readonly trustProxy: number | readonly string[] | undefined;
  /** Origins of pages that may call the API. */
  readonly corsOrigins: readonly string[];
  /** Undefined: no limit. */
  readonly rates: {
    /** All requests of one address, before its credentials are judged. */
    readonly ip: Rate | undefined;
    /** Failed credentials of one address. */
    readonly authFailures: Rate | undefined;
    /** Of one principal. */
    readonly read: Rate | undefined;
    readonly write: Rate | undefined;
    readonly execute: Rate | undefined;
  };
}

/** `auto`: for people on a terminal, else for programs. */
export type LogFormat = 'auto' | 'json' | 'pretty';

/** Everything that can be set, as the rest of the program sees it. Read from file, variables and flags by `load.ts` only. */
export interface Config {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute directories. */
  readonly hookDirs: readonly string[];
  /** Absolute directories whose files are followed, each in a world. */
  readonly filesWatch: readonly { readonly path: string; readonly world: string }[];
  /** Names of files and directories that are passed over; `*` and `?` stand for any characters, or one. */
  readonly filesIgnore: readonly string[];
  /** Given from outside, at least 32 characters; undefined: generated and kept in `<data>/admin.key`. */
  readonly apiKey: string | undefined;
  /** 32 bytes, base64; undefined: generated and kept in `<data>/encryption.key`. */
  readonly encryptionKey: string | undefined;
  readonly surreal: {
    readonly url: string;
    readonly user: string | undefined;
    readonly pass: string | undefined;
    readonly namespace: string;
    readonly database: string;
  };
  readonly temporal: {
    /** Undefined: a managed dev server. */
    readonly address: string | undefined;
    readonly namespace: string;
    /** For the managed server; 0: a free one. */
    readonly port: number;
    readonly uiPort: number;
    /** Where its UI is, when an address is given. */
    readonly uiUrl: string | undefined;
    /** A server program to use instead of finding or fetching one. */
    readonly binary: string | undefined;
  };
  /** Which reads of memories `memory.accessed` tells. */
  readonly memoryAccessed: 'off' | 'get' | 'all';
  /** Runs that one activity of a drain works; 1: each run has a workflow of its own. */
  readonly dispatchPackMax: number;
  /** Whether Node watches over calls into workflow code (`src/temporal/without-watchdog.ts`). */
  readonly workflowWatchdog: boolean;
  readonly egress: EgressPolicy;
  /** Undefined: no tokens, only API keys. */
  readonly jwt: JwtConfig | undefined;
  readonly httpAccess: HttpAccessConfig;
  /** Undefined: no search by meaning. */
  readonly embeddings: EmbeddingsConfig | undefined;
  /** Whether it waits for its turn as long as another server is the writer of its database. */
  readonly standby: boolean;
  /** Undefined: nobody follows this server, and it follows none. */
  readonly internal: InternalConfig | undefined;
  /** Who may read `/metrics`. */
  readonly metrics: 'open' | 'key' | 'off';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: LogFormat;
  /** Whether colours are wanted, on a terminal. */
  readonly logColors: boolean;
  /** All of it as it was given, by name, for who compares. With secrets. */
  readonly settings: Settings;
}
