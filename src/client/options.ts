export interface ClientOptions {
  /** Of the server, as its `ready` line says: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** An API key. */
  readonly key: string;
  /** Default: that of the key. */
  readonly world?: string;
}
