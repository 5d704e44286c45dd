import { messageOf } from '../../kernel/errors.ts';
import type { JsonValue } from '../../kernel/json.ts';
import type { Conditions } from '../filter.ts';
import { jsonTypeOf, type JsonType } from '../json-schema.ts';
import { compileRegex } from '../regex.ts';
import { jsonEquals } from './values.ts';

/** Whether a value, undefined where the field is missing, satisfies a condition. */
export type Test = (value: JsonValue | undefined) => boolean;

export interface Operator {
  /** In words, between the value and the operand: `"a" equals "b"`. */
  readonly words: string;
  /** What an operand must be; undefined: it is. */
  readonly wrongOperand: (operand: JsonValue) => string | undefined;
  /** Which types the value at the path must be able to have, else the condition could never hold; undefined: any. */
  readonly fieldTypes: (operand: JsonValue) => readonly JsonType[] | undefined;
  /** @throws Error where the operand cannot be compiled */
  readonly compile: (operand: JsonValue) => Test;
}

export type OperatorName = keyof Conditions;

const mustBe =
  (types: readonly JsonType[], words: string) =>
  (operand: JsonValue): string | undefined =>
    types.includes(jsonTypeOf(operand)) ? undefined : `must be ${words}, not ${jsonTypeOf(operand)}`;

const anything = (): undefined => undefined;

const equals = (operand: JsonValue): Test =>
  typeof operand === 'object' && operand !== null
    ? (value) => jsonEquals(value, operand)
    : (value) => value === operand;

/** Operands are checked before they are compiled. */
const textIn = (operand: JsonValue): string => (typeof operand === 'string' ? operand : '');

const onText =
  (holds: (text: string, operand: string) => boolean) =>
  (operand: JsonValue): Test => {
    const wanted = textIn(operand);
    return (value) => typeof value === 'string' && holds(value, wanted);
  };

/** Numbers with numbers, text with text (by UTF-16 code units, which puts ISO times in order). */
const ordered =
  (holds: (order: number) => boolean) =>
  (operand: JsonValue): Test =>
    typeof operand === 'number'
      ? (value) => typeof value === 'number' && holds(value - operand)
      : (value) =>
          typeof value === 'string' &&
          typeof operand === 'string' &&
          holds(value < operand ? -1 : value > operand ? 1 : 0);

const itemsOf = (operand: JsonValue): readonly JsonValue[] =>
  Array.isArray(operand) ? (operand as readonly JsonValue[]) : [];

const isOneOf = (operand: JsonValue): Test => {
  const items = itemsOf(operand);
  const scalars = new Set(items.filter((item) => typeof item !== 'object' || item === null));
  const others = items.filter((item) => typeof item === 'object' && item !== null);
  return (value) =>
    value !== undefined && (scalars.has(value as string) || others.some((item) => jsonEquals(value, item)));
};

const contains = (operand: JsonValue): Test => {
  const isItem = equals(operand);
  return (value) => {
    if (typeof value === 'string') return typeof operand === 'string' && value.includes(operand);
    return Array.isArray(value) && (value as readonly JsonValue[]).some(isItem);
  };
};

const matches = (operand: JsonValue): Test => {
  const holds = compileRegex(textIn(operand));
  return (value) => typeof value === 'string' && holds(value);
};

const textOperand = mustBe(['string'], 'text');
const orderedOperand = mustBe(['number', 'string'], 'a number or text');
const textField = (): readonly JsonType[] => ['string'];
const sameType = (operand: JsonValue): readonly JsonType[] => [jsonTypeOf(operand)];

/** A missing field satisfies `not_equals` and `exists: false`, and nothing else. */
export const OPERATORS: { readonly [Name in OperatorName]-?: Operator } = {
  equals: { words: 'equals', wrongOperand: anything, fieldTypes: sameType, compile: equals },
  not_equals: {
    words: 'does not equal',
    wrongOperand: anything,
    fieldTypes: sameType,
    compile: (operand) => {
      const isEqual = equals(operand);
      return (value) => !isEqual(value);
    },
  },
  contains: {
    words: 'contains',
    wrongOperand: anything,
    fieldTypes: (operand) => (typeof operand === 'string' ? ['array', 'string'] : ['array']),
    compile: contains,
  },
  starts_with: {
    words: 'starts with',
    wrongOperand: textOperand,
    fieldTypes: textField,
    compile: onText((text, start) => text.startsWith(start)),
  },
  ends_with: {
    words: 'ends with',
    wrongOperand: textOperand,
    fieldTypes: textField,
    compile: onText((text, end) => text.endsWith(end)),
  },
  matches: {
    words: 'matches',
    wrongOperand: (operand) => {
      if (typeof operand !== 'string') return textOperand(operand);
      try {
        compileRegex(operand);
        return undefined;
      } catch (error) {
        return `is ${messageOf(error)}`;
      }
    },
    fieldTypes: textField,
    compile: matches,
  },
  greater_than: {
    words: 'is greater than',
    wrongOperand: orderedOperand,
    fieldTypes: sameType,
    compile: ordered((order) => order > 0),
  },
  less_than: {
    words: 'is less than',
    wrongOperand: orderedOperand,
    fieldTypes: sameType,
    compile: ordered((order) => order < 0),
  },
  in: {
    words: 'is one of',
    wrongOperand: (operand) =>
      Array.isArray(operand) && operand.length > 0 ? undefined : 'must be a list of at least one value',
    fieldTypes: (operand) => [...new Set(itemsOf(operand).map(jsonTypeOf))],
    compile: isOneOf,
  },
  exists: {
    words: 'exists:',
    wrongOperand: mustBe(['boolean'], 'true or false'),
    fieldTypes: anything,
    compile: (operand) =>
      operand === true ? (value) => value !== undefined : (value) => value === undefined,
  },
};

export const OPERATOR_NAMES = Object.keys(OPERATORS) as readonly OperatorName[];

export const isOperator = (name: string): name is OperatorName => Object.hasOwn(OPERATORS, name);
