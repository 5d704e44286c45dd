import Table from 'cli-table3';
import { createColors } from 'picocolors';
import { stringify } from 'yaml';
import { printable, shortened } from './printable.ts';

export const OUTPUT_FORMATS = ['table', 'json', 'jsonl', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** How an answer becomes a table, or lines. Without `rows` it is one thing. */
export interface Shape {
  /** The field with the list. */
  readonly rows?: string;
  /** Paths into each row, such as `memory.title`. */
  readonly columns?: readonly string[];
}

const CELL_WIDTH = 60;
/** No lines between cells: tables are for eyes and for `awk` alike. */
const CHARS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, name === 'middle' ? '  ' : '']),
);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((found: unknown, key) => (isObject(found) ? found[key] : undefined), value);

const cell = (value: unknown): string => {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return '-';
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
    return printable(value.join(', '));
  return printable(JSON.stringify(value));
};

const newTable = (head: readonly string[], colors: boolean): Table.Table =>
  new Table({
    head: head.map((name) => createColors(colors).bold(name)),
    chars: CHARS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });

/** Without the blanks that a table ends its lines with. */
const drawn = (table: Table.Table): string => table.toString().replace(/ +$/gm, '');

const rowsTable = (
  rows: readonly unknown[],
  columns: readonly string[] | undefined,
  colors: boolean,
): string => {
  const [first] = rows;
  const shown = columns ?? (isObject(first) ? Object.keys(first) : ['value']);
  const table = newTable(
    shown.map((path) => path.split('.').at(-1)?.toUpperCase() ?? path),
    colors,
  );
  for (const row of rows) {
    // The first column is what one copies: an id is never cut.
    table.push(
      shown.map((path, index) => {
        const text = cell(isObject(row) ? at(row, path) : row);
        return index === 0 ? text : shortened(text, CELL_WIDTH);
      }),
    );
  }
  return drawn(table);
};

const fieldsTable = (value: Readonly<Record<string, unknown>>, colors: boolean): string => {
  const table = newTable([], colors);
  const { bold } = createColors(colors);
  for (const [name, field] of Object.entries(value)) table.push([bold(name), cell(field)]);
  return drawn(table);
};

/** The list in an answer. */
export const rowsIn = (answer: unknown, rows: string): readonly unknown[] => {
  const found = at(answer, rows);
  return Array.isArray(found) ? found : [];
};

/** An answer as text without a line end; empty where there is nothing to show (no rows, as lines). */
export const render = (
  answer: unknown,
  { rows, columns }: Shape,
  { format, colors }: { readonly format: OutputFormat; readonly colors: boolean },
): string => {
  if (format === 'json') return JSON.stringify(answer, null, 2);
  if (format === 'yaml') return stringify(answer).trimEnd();
  const list = rows === undefined ? undefined : rowsIn(answer, rows);
  if (format === 'jsonl') return (list ?? [answer]).map((each) => JSON.stringify(each)).join('\n');
  if (list !== undefined) return list.length === 0 ? '' : rowsTable(list, columns, colors);
  return isObject(answer) ? fieldsTable(answer, colors) : cell(answer);
};
