/** A progress bar on stderr, so that stdout stays clean; nothing where stderr is no terminal. */
export const progress = (what: string, total: number): ((done: number) => void) => {
  if (!process.stderr.isTTY) return () => undefined;
  return (done) => {
    const width = 30;
    const full = total === 0 ? width : Math.round((done / total) * width);
    process.stderr.write(`\r${what} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${done}/${total}`);
    if (done >= total) process.stderr.write('\n');
  };
};

/** Rows as columns of equal width; the first row is the heading. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return rows.flatMap((row, index) => (index === 0 ? [line(row), rule] : [line(row)])).join('\n');
};

/** The value below which this part of the sorted values lies; `-` of none. */
export const percentile = (values: readonly number[], part: number): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return value === undefined ? '-' : `${Math.round(value)} ms`;
};
