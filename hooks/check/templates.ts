import { checkTemplate, compileTemplate } from '../../src/events/template.ts';
import type { Issue } from '../../src/kernel/errors.ts';
import type { JsonValue } from '../../src/kernel/json.ts';
import type { HookAction } from '../definition.ts';
import { below } from '../read/fields.ts';
import type { ReadHook } from '../read/hook.ts';

/** A value in which templates may stand. */
interface Templated {
  readonly path: string;
  readonly value: JsonValue | undefined;
  /** Whether `secrets.NAME` may stand in it: where it is sent, and neither kept nor shown to other users of the machine. */
  readonly allowSecrets: boolean;
}

/** What the templates of a hook may name besides secrets. */
const IN_A_HOOK = new Set(['event', 'run', 'hook', 'attempt', 'secrets']);

/** Every template that does not parse, names a field that the trigger's events lack, or reads what a hook has not. */
export const checkTemplates = ({ action, options, trigger }: ReadHook['draft']): readonly Issue[] => {
  const patterns = trigger.events.map(({ event_type }) => event_type);
  const keys: readonly Templated[] = [
    { path: 'options.debounce.key', value: options.debounce?.key, allowSecrets: false },
    { path: 'options.concurrency.key', value: options.concurrency?.key, allowSecrets: false },
  ];
  return [...(action === undefined ? [] : templatesOf(action)), ...keys].flatMap(
    ({ path, value, allowSecrets }) => {
      if (value === undefined) return [];
      const settings = { allowSecrets, ...(patterns.length > 0 && { patterns }) };
      const problems = checkTemplate(value, settings);
      if (problems.length > 0)
        return problems.map((problem) => ({
          path: problem.path === '' ? path : below(path, problem.path),
          message: problem.message,
        }));
      return compileTemplate(value, settings)
        .references.filter((reference) => !IN_A_HOOK.has(rootOf(reference)))
        .map((reference) => ({
          path,
          message: `a template names \`${reference}\`, and a hook has no \`${rootOf(reference)}\``,
        }));
    },
  );
};

const rootOf = (reference: string): string => reference.split(/[.[]/, 1)[0] ?? reference;

const templatesOf = (action: HookAction): readonly Templated[] => {
  const at = (key: string, value: JsonValue | undefined, allowSecrets: boolean): Templated => ({
    path: below('action', key),
    value,
    allowSecrets,
  });
  switch (action.type) {
    case 'script':
      return [at('inputs', action.inputs, true)];
    case 'shell':
      // Arguments can be seen by everybody on the machine.
      return [at('command', action.command, false), at('env', action.env, true)];
    case 'http':
      return [
        at('url', action.url, true),
        at('headers', action.headers, true),
        at('body', action.body, true),
      ];
    case 'flow':
      return [at('inputs', action.inputs, false)];
    case 'webhook':
      return [at('url', action.url, true), at('auth', action.auth, true)];
  }
};
