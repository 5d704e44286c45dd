import type { Catalogue } from '../../src/events/catalogue.ts';
import type { Issue } from '../../src/kernel/errors.ts';
import type { HookAction, HookDefinition } from '../definition.ts';
import type { HookPlace } from '../file/inside.ts';
import { readAction } from './action.ts';
import { isObject, readFields } from './fields.ts';
import { optional } from './optional.ts';
import { readOptions } from './options.ts';
import { plainJsonIssues } from '../../src/kernel/plain-json.ts';
import * as schema from './schema.ts';
import { readTests } from './tests.ts';
import { readTrigger } from './trigger.ts';

/** What could be read of a hook. With issues it is a draft: parts that are wrong are left out or at their default. */
export interface ReadHook {
  readonly draft: Omit<HookDefinition, 'action'> & { readonly action: HookAction | undefined };
  readonly issues: readonly Issue[];
  /** Absolute paths of the files beside the hook file that it was read from, or would be. */
  readonly watch: readonly string[];
}

export interface ReadContext {
  readonly catalogue: Catalogue;
  /** The worlds of whoever makes the hook. */
  readonly worlds: readonly string[];
  /** A hook file's place, and the Markdown below its front matter; undefined for a hook made through the API. */
  readonly file: { readonly place: HookPlace; readonly documentation: string } | undefined;
}

const MAX_DOCUMENTATION_LENGTH = 64 * 1024;

/**
 * Reads a hook from what the front matter or the API's JSON says: every key, every default, all problems at once. What
 * it answers without issues reads back as itself, so a definition from the API can be edited and sent again.
 */
export const readHook = async (input: unknown, context: ReadContext): Promise<ReadHook> => {
  const unfit = plainJsonIssues(input);
  const value = unfit.length > 0 ? {} : (input ?? {});
  const { file } = context;
  const { fields, issues } = readFields(value, '', 'a hook', {
    name: schema.name,
    description: schema.description,
    version: schema.version,
    enabled: schema.flag,
    worlds: schema.worlds,
    trigger: schema.json.optional(),
    condition: schema.json.optional(),
    action: schema.json.optional(),
    permissions: schema.permissions,
    options: schema.json.optional(),
    tests: schema.json.optional(),
    documentation:
      file === undefined ? schema.documentation(MAX_DOCUMENTATION_LENGTH) : schema.noDocumentation,
  });
  const documentation = file?.documentation ?? fields.documentation ?? '';
  const trigger = readTrigger(fields.trigger, context.catalogue);
  const condition = readCondition(fields.condition);
  const options = readOptions(fields.options, trigger.trigger);
  const action = await readAction(fields.action, file?.place);
  const tests = readTests(fields.tests);
  const tooLong: Issue = {
    path: '',
    message: `the text below the front matter is longer than ${MAX_DOCUMENTATION_LENGTH / 1024} KiB`,
  };

  return {
    draft: {
      name: fields.name ?? '',
      description: fields.description ?? '',
      version: fields.version ?? '1.0.0',
      enabled: fields.enabled ?? true,
      worlds: fields.worlds ?? context.worlds,
      trigger: trigger.trigger,
      condition: condition.condition,
      action: action.action,
      permissions: fields.permissions ?? [],
      options: options.options,
      tests: tests.tests,
      documentation,
    },
    issues:
      unfit.length > 0
        ? unfit
        : [
            ...issues,
            ...trigger.issues,
            ...condition.issues,
            ...action.issues,
            ...options.issues,
            ...tests.issues,
            ...(documentation.length > MAX_DOCUMENTATION_LENGTH ? [tooLong] : []),
          ],
    watch: action.watch,
  };
};

const readCondition = (
  value: unknown,
): { condition: HookDefinition['condition']; issues: readonly Issue[] } => {
  const { fields, issues } = readFields(value ?? {}, 'condition', 'a condition', {
    when: schema.expression,
    script: schema.script,
    timeout_ms: schema.milliseconds(schema.MAX_CONDITION_TIMEOUT_MS),
  });
  const condition = {
    ...optional('when', fields.when),
    ...optional('script', fields.script),
    timeout_ms: fields.timeout_ms ?? 1_000,
  };
  return { condition, issues };
};

/** The name that an input gives itself, whatever else is wrong with it. */
export const writtenName = (input: unknown): string | undefined => {
  const name = isObject(input) && Object.hasOwn(input, 'name') ? input['name'] : undefined;
  return typeof name === 'string' && schema.HOOK_NAME.test(name) ? name : undefined;
};
