/**
 * The library's syntax tree, as far as we look into it. Its macros (`exists`, `map`, `has`) keep what they expand to
 * under `meta`, which its own types leave out; `when.test.ts` fails if a new release moves it.
 */
export interface Node {
  op: string;
  args: unknown;
  readonly pos: number;
  readonly meta: {
    readonly alternate?: Node;
    readonly macro?: MacroNode;
    readonly check: (checker: Checker, node: Node, context: unknown) => unknown;
    evaluate: (evaluator: unknown, node: Node, context: unknown) => unknown;
  };
  setMeta(key: string, value: unknown): Node;
  /** Of calls and binary operators, set by the type check: gets the evaluated arguments first. */
  handle?: (...args: unknown[]) => unknown;
  /** Set by the type check, which does not look again where it is set. */
  checkedType?: { readonly name: string };
}

interface Checker {
  check(node: Node, context: unknown): { readonly name: string };
  getType(name: string): { readonly name: string };
}

interface MacroNode {
  readonly args?: readonly Node[];
  typeCheck(checker: Checker, macro: MacroNode, context: unknown): unknown;
}

interface Comprehension {
  readonly iterable: Node;
  readonly init: Node;
  readonly step: Node;
  /** Of `exists` and `all`: whether to go on, by what was found so far. */
  condition?: (found: unknown) => boolean;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'op' in value && 'meta' in value;

/** Every node that can be evaluated, what macros expand to included, each once, parents first. */
export const nodesOf = (root: Node): readonly Node[] => {
  const seen = new Set<Node>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value as readonly unknown[]) visit(item);
    if (!isNode(value) || seen.has(value)) return;
    seen.add(value);
    visit(value.args);
    visit(value.meta.alternate);
    if (value.meta.macro !== undefined) visit(Object.values(value.meta.macro));
    const comprehension = comprehensionOf(value);
    if (comprehension !== undefined) visit([comprehension.iterable, comprehension.init, comprehension.step]);
  };
  visit(root);
  return [...seen];
};

export const comprehensionOf = (node: Node): Comprehension | undefined =>
  node.op === 'comprehension' ? (node.args as Comprehension) : undefined;

/** A call of a method, e.g. `text.matches(pattern)`. */
export const methodCallOf = (
  node: Node,
): { readonly name: string; readonly receiver: Node; readonly args: readonly Node[] } | undefined => {
  if (node.op !== 'rcall') return undefined;
  const [name, receiver, args] = node.args as [string, Node, readonly Node[]];
  return { name, receiver, args };
};

export const callOf = (node: Node): { readonly name: string; readonly args: readonly Node[] } | undefined => {
  if (node.op !== 'call') return undefined;
  const [name, args] = node.args as [string, readonly Node[]];
  return { name, args };
};

/** The text of a literal. */
export const textOf = (node: Node | undefined): string | undefined =>
  node?.op === 'value' && typeof node.args === 'string' ? node.args : undefined;

/** `['event', 'payload', 'id']` for `event.payload.id`; undefined for what is not a chain of names. */
export const chainOf = (node: Node): readonly string[] | undefined => {
  if (node.op === 'id') return [String(node.args)];
  if (node.op !== '.') return undefined;
  const [left, name] = node.args as [Node, string];
  const chain = chainOf(left);
  return chain === undefined ? undefined : [...chain, name];
};
