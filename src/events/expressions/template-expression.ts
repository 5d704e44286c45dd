import type { Environment } from '@marcbachmann/cel-js';
import type { JsonValue } from '../../kernel/json.ts';
import type { Catalogue } from '../catalogue.ts';
import { chainOf, nodesOf, type Node } from './ast.ts';
import { createBaseEnvironment } from './environment.ts';
import { eventEnvironment } from './event-environment.ts';
import { compileExpression } from './expression.ts';
import { toJson } from './to-json.ts';

export interface TemplateExpression {
  /** The longest chains of names that it reads, e.g. `event.payload.id`. */
  readonly references: readonly string[];
  /** The NAMEs of `secrets.NAME`. */
  readonly secrets: readonly string[];
  evaluate(variables: object): { readonly value: JsonValue } | { readonly problem: string };
}

/** A name as the environment variables of secrets have it. */
const SECRET_NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Evaluation is untyped, so that an event renders whole, with the fields of a newer schema too. */
const untyped = new Map<string, Environment>();

const untypedEnvironment = (variables: readonly string[]): Environment => {
  const key = variables.join();
  const found = untyped.get(key);
  if (found !== undefined) return found;
  const environment = createBaseEnvironment();
  for (const name of variables) environment.registerVariable(name, 'dyn');
  untyped.set(key, environment);
  return environment;
};

/**
 * The CEL of one template. `event` is checked against the schemas of the types that it can be of; secrets are read by
 * name only, so that it is known beforehand which ones.
 * @param types undefined: events of any type
 */
export const compileTemplateExpression = (
  source: string,
  variables: readonly string[],
  types: readonly string[] | undefined,
  catalogue: Catalogue,
): TemplateExpression | { readonly problems: readonly string[] } => {
  if (source === '') return { problems: ['is empty'] };
  const names = [...variables, 'secrets'];
  const others = names.filter((name) => name !== 'event');
  const checked = compileExpression(source, eventEnvironment(types, catalogue, others));
  if ('issues' in checked) return { problems: checked.issues.map(({ message }) => message) };
  const compiled = compileExpression(source, untypedEnvironment(names));
  if ('issues' in compiled) return { problems: compiled.issues.map(({ message }) => message) };
  const { expression } = compiled;
  const chains = longestChains(expression.tree);
  const secretChains = chains.filter(([root]) => root === 'secrets');
  const problems = secretChains.flatMap(([, name]) =>
    name !== undefined && SECRET_NAME.test(name)
      ? []
      : ['a secret is written `secrets.NAME`, of A-Z, 0-9 and _'],
  );
  if (problems.length > 0) return { problems };
  const roots = new Set(names);
  return {
    references: [
      ...new Set(chains.filter(([root]) => roots.has(root ?? '')).map((chain) => chain.join('.'))),
    ],
    secrets: [...new Set(secretChains.flatMap(([, name]) => name ?? []))],
    evaluate: (scope) => {
      const evaluation = expression.evaluate(scope);
      if (evaluation.kind !== 'value') return { problem: evaluation.message };
      return toJson(evaluation.value);
    },
  };
};

/** Chains that are not the beginning of a longer one. */
const longestChains = (tree: Node): readonly (readonly string[])[] => {
  const covered = new Set<Node>();
  const chains: (readonly string[])[] = [];
  for (const node of nodesOf(tree)) {
    const chain = covered.has(node) ? undefined : chainOf(node);
    if (chain === undefined) continue;
    chains.push(chain);
    let inner: Node | undefined = node;
    while (inner !== undefined) {
      covered.add(inner);
      inner = inner.op === '.' ? (inner.args as [Node, string])[0] : undefined;
    }
  }
  return chains;
};
