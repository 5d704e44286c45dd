const NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * `secrets.NAME` of templates: `CRUCIBLE_HOOK_SECRET_NAME`, read at the moment of sending, so that no secret is in a
 * workflow input, an event, a row or a log. Undefined: there is none of that name.
 */
export const readSecretFrom =
  (env: Readonly<Record<string, string | undefined>>) =>
  (name: string): string | undefined =>
    NAME.test(name) ? env[`CRUCIBLE_HOOK_SECRET_${name}`] : undefined;
