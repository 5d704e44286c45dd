import type { Issue } from '../../src/kernel/errors.ts';
import type { HookAction } from '../definition.ts';

/** What an action must not say, as far as it can be seen without asking anybody. Templates are checked elsewhere. */
export const checkAction = (action: HookAction): readonly Issue[] => {
  switch (action.type) {
    case 'shell':
      return checkShell(action);
    case 'http':
      return checkHttp(action);
    default:
      return [];
  }
};

const TEMPLATE = /\{\{/;

/** Variables that choose what code runs, or that are ours. */
const FORBIDDEN_VARIABLE =
  /^(?:LD_|DYLD_|CRUCIBLE_|BASH_FUNC_)|^(?:BASH_ENV|ENV|IFS|SHELLOPTS|NODE_OPTIONS|PYTHONSTARTUP|PERL5OPT|RUBYOPT)$/i;

const checkShell = ({ command, shell, env }: HookAction & { type: 'shell' }): readonly Issue[] => {
  const issues: Issue[] = [];
  const program = command?.[0];
  if (program !== undefined && program.trim() === '')
    issues.push({ path: 'action.command.0', message: 'must be the program to run' });
  if (program !== undefined && TEMPLATE.test(program))
    issues.push({
      path: 'action.command.0',
      message: 'the program must not be a template: an event would choose what runs',
    });
  if (shell !== undefined && TEMPLATE.test(shell))
    issues.push({
      path: 'action.shell',
      message: 'templates are refused in a shell script: an event could run commands in it',
      hint: 'read the variables $CRUCIBLE_EVENT_*, or the JSON on standard input; or use `command`, where a template is one argument',
    });
  for (const name of Object.keys(env ?? {})) {
    const path = `action.env.${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name))
      issues.push({ path, message: 'is not the name of a variable' });
    else if (FORBIDDEN_VARIABLE.test(name))
      issues.push({
        path,
        message: `\`${name}\` cannot be set by a hook: it is ours, or chooses what code runs`,
      });
  }
  return issues;
};

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Headers that the client sets itself, or that would change how the request is read. */
const OURS =
  /^(?:host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|expect|idempotency-key|x-crucible-.*|x-correlation-id|traceparent)$/i;

/** A host that a template goes on with, unless that is a secret, which no event chooses. */
const OPEN_HOST = /^https?:\/\/[^/?#{]+\{\{(?!\s*secrets\.)/i;

const checkHttp = ({ method, url, headers, body }: HookAction & { type: 'http' }): readonly Issue[] => {
  const issues: Issue[] = [];
  if (OPEN_HOST.test(url))
    issues.push({
      path: 'action.url',
      message: 'a template goes on with the host: an event could send this to another one',
      hint: 'put a `/` between the host and the template',
    });
  const seen = new Map<string, string>();
  for (const [name, value] of Object.entries(headers ?? {})) {
    const path = `action.headers.${name}`;
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    if (!TOKEN.test(name)) issues.push({ path, message: 'is not the name of a header' });
    else if (OURS.test(name))
      issues.push({ path, message: `\`${name}\` is set by Crucible and cannot be given` });
    else if (twin !== undefined) issues.push({ path, message: `is the same header as \`${twin}\`` });
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000A-\u001F\u007F]/.test(value))
      issues.push({
        path,
        message: 'holds a line break or another control character',
        hint: 'a header is one line',
      });
  }
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    issues.push({ path: 'action.body', message: `a ${method} request has no body`, hint: 'use POST' });
  return issues;
};
