/** What may be reached. Deny by default; `allow` opens address ranges (CIDR), never metadata addresses. */
export interface EgressPolicy {
  readonly allow: readonly string[];
  /** True: any port within the allowed ranges (`crucible dev` on loopback). */
  readonly anyPortInAllowed: boolean;
  /** Ports open to the world; undefined: 80, 443 and 1024-65535 less the well-known services. */
  readonly ports?: readonly number[];
}

export interface EgressRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole exchange: connect, headers and body. */
  readonly timeoutMs: number;
  /** At most this much of the decompressed body is read and kept. Default 64 KiB. */
  readonly maxResponseBytes?: number;
  readonly signal?: AbortSignal;
}

export interface EgressResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** True: the body was longer than was kept. */
  readonly truncated: boolean;
  readonly durationMs: number;
  /** Milliseconds from the start to each phase's end, where it happened. */
  readonly timings: { readonly connectMs?: number; readonly headersMs?: number };
}

/**
 * Why no response came. `ours`: the fault is on this side (resolver down, shutdown), never charged to the endpoint.
 * `final`: asking again gives the same.
 */
export class EgressError extends Error {
  readonly code:
    | 'egress_denied'
    | 'timeout'
    | 'dns_not_found'
    | 'dns_failed'
    | 'connect_failed'
    | 'tls_failed'
    | 'reset'
    | 'protocol_error'
    | 'aborted'
    | 'bad_request';
  readonly final: boolean;
  readonly ours: boolean;

  constructor(
    code: EgressError['code'],
    message: string,
    kind: { final: boolean; ours: boolean; cause?: unknown },
  ) {
    super(message, kind.cause === undefined ? undefined : { cause: kind.cause });
    this.name = 'EgressError';
    this.code = code;
    this.final = kind.final;
    this.ours = kind.ours;
  }
}

/** The one guarded way out. */
export interface Egress {
  /** Any status is a response. Redirects are not followed. @throws EgressError */
  request(request: EgressRequest): Promise<EgressResponse>;
  /**
   * The same guard, before anything is stored: scheme, userinfo, port, literal addresses, and every address that the
   * name resolves to now (a name that does not resolve now passes; it is checked again at connect).
   * @throws CrucibleError `egress_denied`
   */
  check(url: string): Promise<void>;
  close(): Promise<void>;
}
