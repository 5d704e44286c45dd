/** Fetches a JSON document through the guarded way out. @throws for every answer but 200 with JSON */
export type FetchJson = (url: string) => Promise<unknown>;

/**
 * Where an issuer describes itself: RFC 8414 puts the well-known part between host and path, OpenID Connect Discovery
 * 1.0 behind the path.
 */
export const discoveryUrls = (issuer: string): readonly string[] => {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
};

/**
 * The URL of the key set, from an issuer's description of itself.
 * @throws Error when it is of another issuer (RFC 8414, 3.3), or names no key set that can be trusted
 */
export const keySetUrlIn = (document: unknown, issuer: string): string => {
  const { issuer: named, jwks_uri: keys } = (
    typeof document === 'object' && document !== null ? document : {}
  ) as Readonly<Record<string, unknown>>;
  if (named !== issuer) throw new Error(`it is the description of another issuer, not of ${issuer}`);
  if (typeof keys !== 'string' || !URL.canParse(keys)) throw new Error('it names no jwks_uri');
  // Who asks an issuer by TLS must not be sent to keys that anybody on the way could have put there.
  if (new URL(issuer).protocol === 'https:' && new URL(keys).protocol !== 'https:')
    throw new Error('its jwks_uri is not https');
  return keys;
};

/**
 * Finds where the issuer has its keys, once; what was found is kept, what was not is looked for again next time.
 * @throws Error with what each place answered
 */
export const createDiscovery = (issuer: string, fetchJson: FetchJson): (() => Promise<string>) => {
  let found: string | undefined;
  return async () => {
    if (found !== undefined) return found;
    const problems: string[] = [];
    for (const url of discoveryUrls(issuer)) {
      try {
        found = keySetUrlIn(await fetchJson(url), issuer);
        return found;
      } catch (error) {
        problems.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new Error(problems.join('; '));
  };
};
