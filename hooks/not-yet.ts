/**
 * What hook files can say already and this release does not do. Such a hook is refused, so that nothing it asks for is
 * silently left undone. Each part is deleted here when it is built; nothing else knows of this file but `validate.ts`.
 */
import type { Issue } from '../src/kernel/errors.ts';
import type { ReadHook } from './read/hook.ts';

export const notYetAvailable = ({ trigger, options, action }: ReadHook['draft']): readonly Issue[] => {
  const asked: readonly (readonly [boolean, string, string])[] = [
    [trigger.timing === 'pre', 'trigger.timing', 'hooks with `timing: pre`'],
    [options.debounce !== undefined, 'options.debounce', '`debounce`'],
    [options.rate_limit !== undefined, 'options.rate_limit', '`rate_limit`'],
    [options.concurrency !== undefined, 'options.concurrency', '`concurrency`'],
    [!options.async && trigger.timing === 'post', 'options.async', '`async: false`'],
    [options.alert_after !== undefined, 'options.alert_after', '`alert_after`'],
    [action?.type === 'flow', 'action.type', 'actions of type `flow`'],
    [action?.type === 'webhook', 'action.type', 'actions of type `webhook`'],
  ];
  return asked.flatMap(([is, path, what]) =>
    is
      ? [
          {
            path,
            message: `not available yet: ${what} come with a later release`,
            hint: 'leave it out for now',
          },
        ]
      : [],
  );
};
