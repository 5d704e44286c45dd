import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { JsonSchema } from './json-schema.ts';

const WORDS = 'attention memory graph note research paper agent link topic review draft plan'.split(' ');
/** 2026-01-01, where sample times begin. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Makes a JSON object that fits the schema, of the kinds of schema that event types have. Same seed, same object. */
export const sampleOf = (schema: JsonSchema, seed: number): JsonObject => {
  const made = valueOf(schema, mulberry32(seed));
  if (typeof made !== 'object' || made === null || Array.isArray(made))
    throw new Error('the schema is not of an object');
  return made as JsonObject;
};

type Random = () => number;

/** A small generator of numbers from 0 to 1 (mulberry32): no secret hangs on it. */
const mulberry32 = (seed: number): Random => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

const whole = (random: Random, from: number, to: number): number =>
  from + Math.floor(random() * (to - from + 1));

const oneOf = <T>(random: Random, choices: readonly T[]): T => {
  const chosen = choices[whole(random, 0, choices.length - 1)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
};

const valueOf = (schema: JsonSchema, random: Random): JsonValue => {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return oneOf(random, schema.enum);
  if (schema.anyOf !== undefined) return valueOf(oneOf(random, schema.anyOf), random);
  switch (typeof schema.type === 'string' ? schema.type : 'any') {
    case 'string':
      return stringOf(schema, random);
    case 'integer':
      return whole(random, lowest(schema), highest(schema));
    case 'number':
      return lowest(schema) + Math.round(random() * (highest(schema) - lowest(schema)) * 100) / 100;
    case 'boolean':
      return random() < 0.5;
    case 'null':
      return null;
    case 'array': {
      const items = typeof schema.items === 'object' ? schema.items : {};
      const length = whole(random, schema.minItems ?? 0, (schema.minItems ?? 0) + 2);
      return Array.from({ length }, () => valueOf(items, random));
    }
    case 'object':
      return objectOf(schema, random);
    default:
      return oneOf<() => JsonValue>(random, [
        () => oneOf(random, WORDS),
        () => whole(random, 0, 99),
        () => random() < 0.5,
      ])();
  }
};

const lowest = ({ minimum, maximum }: JsonSchema): number => minimum ?? Math.min(0, maximum ?? 0);
const highest = (schema: JsonSchema): number => Math.min(schema.maximum ?? 1000, lowest(schema) + 1000);

const stringOf = (schema: JsonSchema, random: Random): string => {
  if (schema.format === 'date-time')
    return new Date(EPOCH_MS + whole(random, 0, 31_536_000) * 1000).toISOString();
  const words = Array.from({ length: whole(random, 1, 3) }, () => oneOf(random, WORDS)).join(' ');
  return words.padEnd(schema.minLength ?? 0, '.');
};

const objectOf = (schema: JsonSchema, random: Random): JsonObject => {
  const required = new Set(schema.required ?? []);
  const entries = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    required.has(name) || random() < 0.5 ? [[name, valueOf(property, random)] as const] : [],
  );
  if (typeof schema.additionalProperties === 'object' || schema.properties === undefined) {
    const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
    for (let left = whole(random, 0, 2); left > 0; left -= 1)
      entries.push([oneOf(random, WORDS), valueOf(extra, random)]);
  }
  return Object.fromEntries(entries);
};
