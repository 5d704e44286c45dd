import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { parse as parseYaml } from 'yaml';
import { usageFailure } from './exit.ts';
import type { CliIo } from './io.ts';

/** How things that are typed are read. Those for options throw commander's error, which names the option. */

export const wholeNumber = (text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
};

export const decimal = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
};

/** One of some words. */
export const oneOf =
  <const Words extends readonly string[]>(words: Words) =>
  (text: string): Words[number] => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`);
  };

/** For options that may be given several times. */
export const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** A time with a zone, a date (which is midnight, UTC), or how long ago: `7d`, `12h`, `30m`. */
export const time = (text: string): string => {
  const [, amount, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  if (amount !== undefined) return new Date(Date.now() - Number(amount) * (unitMs[unit] ?? 0)).toISOString();
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  const value = new Date(text);
  if (isTime && !Number.isNaN(value.getTime())) return value.toISOString();
  throw new InvalidArgumentError('It must be a time like 2026-11-24T10:30:00Z, a date, or an age like 7d.');
};

/** A point in time that may lie ahead, so no ages. */
export const timeAhead = (text: string): string => {
  if (/^\d{4}-/.test(text)) return time(text);
  throw new InvalidArgumentError('It must be a time like 2026-11-24T10:30:00Z, or a date.');
};

export type JsonObject = Record<string, JsonValue>;
type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON object, given as an option. */
export const jsonObject = (text: string): JsonObject => {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // The same is said of it.
  }
  throw new InvalidArgumentError(`It must be a JSON object such as '{"n": 1}'.`);
};

/** The text of a file, or of stdin for `-`. */
export const readText = async (io: CliIo, path: string): Promise<string> => {
  if (path === '-') return io.readStdin();
  try {
    return await readFile(resolve(io.cwd, path), 'utf8');
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** The object in a file of JSON or YAML, or on stdin for `-`. */
export const readObject = async (io: CliIo, path: string): Promise<JsonObject> => {
  const text = await readText(io, path);
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 10 });
  } catch (error) {
    throw usageFailure(
      `${path} is neither JSON nor YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (isObject(value)) return value;
  throw usageFailure(`${path} must hold an object`);
};

/** Values that are given; what is undefined is left out, because the API takes no such fields. */
export type Given<Fields> = {
  [Name in keyof Fields as undefined extends Fields[Name] ? never : Name]: Fields[Name];
} & {
  [Name in keyof Fields as undefined extends Fields[Name] ? Name : never]?: Exclude<Fields[Name], undefined>;
};

export const given = <Fields extends object>(fields: Fields): Given<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;
