import { messageOf, type Issue } from '../../kernel/errors.ts';
import { compileRegex } from '../regex.ts';
import { methodCallOf, nodesOf, textOf, type Node } from './ast.ts';
import { LINEAR_MATCHES } from './environment.ts';

/**
 * What the library's own check lets pass or refuses without need, mended in a parsed tree before that check: `matches`
 * is led to the linear engine, `has()` checks the path that it is given, `in` finds a payload's number in a list of
 * ints, and `cel.bind`, by which a short expression makes a huge value, is refused.
 */
export const analyse = (root: Node): readonly Omit<Issue, 'path'>[] => {
  const issues: Omit<Issue, 'path'>[] = [];
  for (const node of nodesOf(root)) {
    const { macro } = node.meta;
    if (macro !== undefined) checkPathOfHas(node, macro);
    if (node.op === 'in') letNumbersBeInLists(node);
    const call = methodCallOf(node);
    if (call?.name === 'bind' && call.receiver.op === 'id' && call.receiver.args === 'cel')
      issues.push({
        message: '`cel.bind` is not available here',
        hint: 'write the value out where it is needed',
      });
    if (call?.name === 'matches' && call.args.length === 1) {
      (node.args as unknown[])[0] = LINEAR_MATCHES;
      const pattern = textOf(call.args[0]);
      const message = pattern === undefined ? undefined : regexIssue(pattern);
      if (message !== undefined) issues.push({ message });
    }
  }
  return issues;
};

const regexIssue = (pattern: string): string | undefined => {
  try {
    compileRegex(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
};

const checkPathOfHas = (node: Node, macro: NonNullable<Node['meta']['macro']>): void => {
  const [path] = macro.args ?? [];
  if (node.op !== 'call' || path?.op !== '.') return;
  const typeCheck = macro.typeCheck.bind(macro);
  macro.typeCheck = (checker, self, context) => {
    checker.check(path, context);
    return typeCheck(checker, self, context);
  };
};

/**
 * A payload's number is a double and `[1, 2]` are ints, which the check keeps apart although they compare well. An
 * overload for them would clash with the one for lists of any kind, so the list is taken for one of any kind.
 */
const letNumbersBeInLists = (node: Node): void => {
  const { check } = node.meta;
  node.setMeta('check', ((checker, self, context) => {
    const [item, list] = self.args as [Node, Node];
    if (checker.check(item, context).name === 'double' && checker.check(list, context).name === 'list<int>')
      list.checkedType = checker.getType('list<dyn>');
    return check(checker, self, context);
  }) satisfies typeof check);
};
