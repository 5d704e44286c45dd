import type { Environment } from '@marcbachmann/cel-js';
import type { Catalogue } from '../catalogue.ts';
import { createBaseEnvironment } from './environment.ts';
import { eventSchema } from './event-types.ts';

/** Environments cost milliseconds to make and are the same for all expressions on the same types. */
const environments = new WeakMap<Catalogue, Map<string, Environment>>();
const MAX_ENVIRONMENTS = 500;
let base: Environment | undefined;

/**
 * CEL with the variable `event`, typed from the schemas of these event types, and with dynamic ones of other names.
 * @param types undefined: events of any type
 */
export const eventEnvironment = (
  types: readonly string[] | undefined,
  catalogue: Catalogue,
  others: readonly string[] = [],
): Environment => {
  let known = environments.get(catalogue);
  if (known === undefined || known.size > MAX_ENVIRONMENTS) environments.set(catalogue, (known = new Map()));
  const key = `${types?.join() ?? '*'} ${others.join()}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  base ??= createBaseEnvironment();
  const environment = base.clone().registerVariable({ name: 'event', schema: eventSchema(types, catalogue) });
  for (const name of others) environment.registerVariable(name, 'dyn');
  known.set(key, environment);
  return environment;
};
