import type { HookAction } from '../../hooks/definition.ts';
import { compileTemplate } from '../../src/events/template.ts';
import type { CompiledTemplate } from '../../src/events/template.ts';
import type { HttpTemplates } from './http.ts';
import type { ShellTemplates } from './shell.ts';
import { urlPart } from './url-part.ts';

/** An action with its templates compiled, once for all runs of one definition. */
export type PreparedAction =
  | {
      readonly type: 'script';
      readonly action: HookAction & { type: 'script' };
      readonly inputs: CompiledTemplate;
    }
  | ({ readonly type: 'shell' } & ShellTemplates)
  | ({ readonly type: 'http' } & HttpTemplates)
  | { readonly type: 'flow' | 'webhook' };

/** @throws TemplateError */
export const prepareAction = (action: HookAction): PreparedAction => {
  switch (action.type) {
    case 'script':
      return {
        type: 'script',
        action,
        inputs: compileTemplate(action.inputs ?? null, { allowSecrets: true }),
      };
    case 'shell':
      return {
        type: 'shell',
        action,
        // Everybody on the machine can see the arguments of a process.
        command: (action.command ?? []).map((written) => ({
          written,
          template: compileTemplate(written, { allowSecrets: false }),
        })),
        env: compileTemplate(action.env ?? {}, { allowSecrets: true }),
      };
    case 'http':
      return {
        type: 'http',
        method: action.method.toUpperCase(),
        url: compileTemplate(action.url, { allowSecrets: true, embed: urlPart }),
        headers: compileTemplate(action.headers ?? {}, { allowSecrets: true }),
        body: action.body === undefined ? undefined : compileTemplate(action.body, { allowSecrets: true }),
      };
    case 'flow':
    case 'webhook':
      return { type: action.type };
  }
};
