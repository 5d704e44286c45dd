import type { Egress } from '../egress/egress.ts';
import { isCredentialHeader } from '../egress/header-rules.ts';
import { checkTemplate, compileTemplate } from '../events/template.ts';
import { CrucibleError, isCrucibleError, type Issue } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { AgentInput, Handler } from './input.ts';
import { below, issuesBelow } from './issues.ts';
import { compileSchema } from '../events/schema-check.ts';

export interface JudgeDeps {
  readonly egress: Pick<Egress, 'check'>;
  readonly sandbox: Pick<Sandbox, 'check'>;
}

/** What is wrong with a JSON Schema that stands at a path. */
export const schemaIssues = (path: string, schema: JsonObject | undefined): readonly Issue[] => {
  if (schema === undefined) return [];
  const compiled = compileSchema(schema);
  return typeof compiled === 'function' ? [] : issuesBelow(path, compiled);
};

const SECRETS_HINT = 'write {{ secrets.NAME }}: it is read from CRUCIBLE_HOOK_SECRET_NAME when it is sent';

/** Templates name secrets and nothing else, and what carries a credential is one. */
const headerIssues = (path: string, headers: Readonly<Record<string, string>>): readonly Issue[] =>
  Object.entries(headers).flatMap(([name, value]): readonly Issue[] => {
    const here = below(path, name);
    const problems = checkTemplate(value, { allowSecrets: true });
    if (problems.length > 0) return problems.map(({ message }) => ({ path: here, message }));
    const { references } = compileTemplate(value, { allowSecrets: true });
    const others = references.filter((reference) => !reference.startsWith('secrets.'));
    if (others.length > 0)
      return [
        { path: here, message: `names ${others.join(', ')}; a header of an agent may name secrets only` },
      ];
    return isCredentialHeader(name) && references.length === 0
      ? [
          {
            path: here,
            message: 'carries a credential, which must not stand here in the clear',
            hint: SECRETS_HINT,
          },
        ]
      : [];
  });

const urlIssues = async (path: string, url: string, { egress }: JudgeDeps): Promise<readonly Issue[]> => {
  if (url.includes('{{'))
    return [{ path, message: 'may hold no template', hint: 'give what is secret as a header' }];
  if (!URL.canParse(url) || !/^https?:\/\//i.test(url))
    return [{ path, message: 'is not an http or https URL', hint: 'e.g. https://agents.example.org/search' }];
  try {
    await egress.check(url);
    return [];
  } catch (error) {
    if (!isCrucibleError(error, 'egress_denied')) throw error;
    return [{ path, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }];
  }
};

const handlerIssues = async (
  path: string,
  handler: Handler,
  script: string,
  deps: JudgeDeps,
): Promise<readonly Issue[]> => {
  switch (handler.type) {
    case 'http':
      return [
        ...(await urlIssues(below(path, 'url'), handler.url, deps)),
        ...headerIssues(below(path, 'headers'), handler.headers),
      ];
    case 'script': {
      const issues = await deps.sandbox.check(handler.code, script);
      const line = ({ line: at }: Issue): string => (at === undefined ? '' : `line ${at}: `);
      return issues.map((issue) => ({
        path: below(path, 'code'),
        message: `${line(issue)}${issue.message}`,
      }));
    }
    case 'stream':
      // Whether it is connected is asked when there is something to do.
      return [];
  }
};

/**
 * Judges what an agent offers, as far as others have to be asked: the guard, the sandbox, the compilers.
 * @throws CrucibleError `invalid` with everything that is wrong
 */
export const judgeAgent = async (input: AgentInput, id: string, deps: JudgeDeps): Promise<void> => {
  const issues: Issue[] = [];
  for (const [index, { name, handler, inputs, outputs }] of input.actions.entries()) {
    const path = `actions.${index}`;
    issues.push(
      ...(await handlerIssues(below(path, 'handler'), handler, `${id}/${name}.js`, deps)),
      ...schemaIssues(below(path, 'inputs'), inputs),
      ...schemaIssues(below(path, 'outputs'), outputs),
    );
  }
  if (issues.length > 0) throw new CrucibleError('invalid', 'The agent is not valid.', { issues });
};
