import type { Issue } from '../kernel/errors.ts';
import type { JwtConfig } from './config.ts';
import type { Settings } from './schema.ts';

/** What the settings of tokens say together. Undefined: tokens are not taken. Issues: what does not fit. */
export const readJwt = (
  settings: Pick<Settings, 'jwt_issuer' | 'jwt_audience' | 'jwt_algorithms' | 'jwt_jwks_url' | 'jwt_key'>,
): { readonly jwt: JwtConfig | undefined; readonly issues: readonly Issue[] } => {
  const { jwt_issuer: issuer, jwt_audience: audience, jwt_jwks_url: keysUrl, jwt_key: key } = settings;
  const issues: Issue[] = [];
  const need = (name: string, given: string): void => {
    issues.push({ path: name, message: `is needed where ${given} is given` });
  };
  if (issuer === undefined) {
    if (audience.length > 0) need('CRUCIBLE_JWT_ISSUER', 'CRUCIBLE_JWT_AUDIENCE');
    if (keysUrl !== undefined) need('CRUCIBLE_JWT_ISSUER', 'CRUCIBLE_JWT_JWKS_URL');
    if (key !== undefined) need('CRUCIBLE_JWT_ISSUER', 'CRUCIBLE_JWT_KEY');
    return { jwt: undefined, issues };
  }
  // Without it a token that was meant for another server would open this one.
  if (audience.length === 0) need('CRUCIBLE_JWT_AUDIENCE', 'CRUCIBLE_JWT_ISSUER');
  if (keysUrl !== undefined && key !== undefined)
    issues.push({ path: 'CRUCIBLE_JWT_KEY', message: 'cannot stand beside CRUCIBLE_JWT_JWKS_URL: give one' });
  return { jwt: { issuer, audience, algorithms: settings.jwt_algorithms, keysUrl, key }, issues };
};
