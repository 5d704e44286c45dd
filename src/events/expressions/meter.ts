/**
 * Bounds what one evaluation may cost. Filters run inside the append loop, so an expression that is quadratic in a
 * large payload would stop every write. Every step of a comprehension and every byte that is compared, searched or
 * joined is charged; past the budget the expression fails, and whoever asked records that.
 */
import { callOf, comprehensionOf, methodCallOf, nodesOf, type Node } from './ast.ts';

/** Steps; a step is well under a microsecond. */
const BUDGET = 150_000;
/** Characters of text, or items of a list, that cost one step. An object's entries cost one each: they are hashed. */
const PER_STEP = 32;
/** Time zones build a formatter at each call. */
const TIME_ZONE_COST = 200;

export const OVER_BUDGET = 'the expression takes too many steps on this event';

export interface Meter {
  /** To be called before each evaluation. */
  reset(): void;
  /** Whether the evaluation ran out of budget, also where the expression itself swallowed the error. */
  exceeded(): boolean;
}

/** Puts a meter into a checked syntax tree. */
export const meter = (root: Node): Meter => {
  let left = BUDGET;
  const exceeded = new Error(OVER_BUDGET);
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw exceeded;
  };

  for (const node of nodesOf(root)) {
    const comprehension = comprehensionOf(node);
    if (comprehension !== undefined) {
      chargeEvaluation(comprehension.step, () => spend(1));
      // `exists` and `all` go on after an error, which for what is over the budget would take nearly as long.
      const { condition } = comprehension;
      if (condition !== undefined) comprehension.condition = (found) => left >= 0 && condition(found);
    }
    if (node.handle === undefined) continue;
    const { handle } = node;
    const call = callOf(node) ?? methodCallOf(node);
    if (call !== undefined) {
      const base = call.name.startsWith('get') && call.args.length > 0 ? TIME_ZONE_COST : 1;
      const deep = call.name === 'join';
      node.handle = (args, ...rest) => {
        spend(base + weightOf(args, deep ? 2 : 1, left));
        const result = handle(args, ...rest);
        spend(weightOf(result, 0, left));
        return result;
      };
    } else if (node.op === '==' || node.op === '!=' || node.op === 'in' || node.op === '+') {
      const depth = node.op === '+' ? 0 : 64;
      node.handle = (a, b, ...rest) => {
        spend(Math.min(weightOf(a, depth, left), weightOf(b, depth, left)));
        const result = handle(a, b, ...rest);
        if (node.op === '+') spend(weightOf(result, 0, left));
        if (node.op === 'in') spend(weightOf(b, depth, left));
        return result;
      };
    }
  }
  return {
    reset: () => {
      left = BUDGET;
    },
    exceeded: () => left < 0,
  };
};

/** What is evaluated may be what a macro expanded to, so the charge goes to the node that the library will run. */
const chargeEvaluation = (node: Node, charge: () => void): void => {
  let target = node;
  while (target.meta.alternate !== undefined) target = target.meta.alternate;
  const owner = target.meta.macro ?? target.meta;
  const inner = owner as { evaluate: (evaluator: unknown, node: Node, context: unknown) => unknown };
  const { evaluate } = inner;
  inner.evaluate = (evaluator, self, context) => {
    charge();
    return evaluate(evaluator, self, context);
  };
};

/** How many steps a value is worth, looking `depth` levels into it. Stops counting past `limit`. */
const weightOf = (value: unknown, depth: number, limit: number): number => {
  if (typeof value === 'string') return value.length / PER_STEP;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length / PER_STEP;
  if (depth === 0) return Array.isArray(value) ? value.length / PER_STEP : sizeOf(value);
  const items = Array.isArray(value)
    ? (value as readonly unknown[])
    : value instanceof Map
      ? [...value.values()]
      : Object.values(value);
  let weight = Array.isArray(value) ? items.length / PER_STEP : items.length;
  for (const item of items) {
    weight += weightOf(item, depth - 1, limit - weight);
    if (weight > limit) break;
  }
  return weight;
};

const sizeOf = (value: object): number => (value instanceof Map ? value.size : Object.keys(value).length);
