import type { JsonValue } from '../../kernel/json.ts';
import type { RequiredEquality, Scalar } from '../compiled.ts';
import type { CrucibleEvent } from '../envelope.ts';
import type { OperatorName } from './operators.ts';
import type { Read } from './values.ts';

/** More values than these would cost an index more than they spare. */
const MAX_VALUES = 100;

/** `source` is equal to its kind alone too, so it is no plain equality. */
const NO_PLAIN_EQUALITY = 'envelope.source';

/**
 * The equality that a condition asks for, if it asks for one: `equals` a scalar, or `in` a list of scalars. Objects and
 * arrays are compared by what they hold, which no index finds.
 */
export const requiredEquality = (term: {
  readonly field: string;
  readonly operator: OperatorName;
  readonly operand: JsonValue;
  readonly read: Read<CrucibleEvent>;
}): RequiredEquality | undefined => {
  const { field, operator, operand, read } = term;
  if (field === NO_PLAIN_EQUALITY) return undefined;

  const wanted = operator === 'equals' ? [operand] : operator === 'in' ? operand : [];
  if (!Array.isArray(wanted) || wanted.length === 0 || wanted.length > MAX_VALUES) return undefined;
  const values = wanted as readonly JsonValue[];
  return values.every(isScalar) ? { field, values: [...new Set(values)], read } : undefined;
};

const isScalar = (value: JsonValue): value is Scalar => typeof value !== 'object' || value === null;
