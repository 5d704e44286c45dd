/**
 * Loaded before the server (`--import`): the composition gets the adapters of this folder in the place of the product's,
 * which they wrap. So a test kills at a named point, and the product has no code for it.
 */
import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { isServer } from './options.ts';

const REPLACED: readonly { readonly by: string; readonly imported: string; readonly instead: string }[] = [
  { by: '/src/main/open-log.ts', imported: '/surreal/surreal-store.ts', instead: './store.ts' },
  { by: '/src/main/open-activities.ts', imported: '/temporal/temporal.ts', instead: './temporal.ts' },
];

if (isServer(isMainThread)) {
  registerHooks({
    resolve(specifier, context, next) {
      const replaced = REPLACED.find(
        ({ by, imported }) => context.parentURL?.endsWith(by) === true && specifier.endsWith(imported),
      );
      return next(
        replaced === undefined ? specifier : new URL(replaced.instead, import.meta.url).href,
        context,
      );
    },
  });
}
