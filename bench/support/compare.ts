import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One thing that is measured. */
export interface Contender {
  readonly name: string;
  /** One round. @returns the figure, in the benchmark's unit */
  readonly round: () => Promise<number>;
}

export interface Comparison {
  readonly figure: string;
  readonly unit: string;
  readonly rounds: { readonly [contender: string]: readonly number[] };
  readonly medians: { readonly [contender: string]: number };
}

/**
 * Runs the contenders in turns (A B A B …), so that what happens to the machine happens to all of them; one turn first
 * that does not count.
 */
export const compare = async (options: {
  readonly figure: string;
  readonly unit: string;
  readonly contenders: readonly Contender[];
  /** 5 by default. */
  readonly rounds?: number;
}): Promise<Comparison> => {
  const { figure, unit, contenders } = options;
  const taken = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (const { round } of contenders) await round();
  for (let i = 0; i < (options.rounds ?? 5); i += 1) {
    for (const { name, round } of contenders) taken.get(name)?.push(await round());
  }
  return {
    figure,
    unit,
    rounds: Object.fromEntries(taken),
    medians: Object.fromEntries([...taken].map(([name, figures]) => [name, median(figures)])),
  };
};

const median = (figures: readonly number[]): number => percentile(figures, 0.5);

/** The figure that this share of all figures does not exceed; `share` from 0 to 1. */
export const percentile = (figures: readonly number[], share: number): number => {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
};

export interface Target {
  /** What must hold, in words. */
  readonly target: string;
  readonly value: number;
  readonly met: boolean;
}

/** Writes `bench/results/<name>.json`, with what the figures depend on, and prints them. */
export const report = (
  name: string,
  result: {
    readonly settings: object;
    readonly comparisons: readonly Comparison[];
    readonly targets: readonly Target[];
    /** Packages whose versions matter. */
    readonly packages: readonly string[];
  },
): void => {
  const versions = Object.fromEntries(result.packages.map((name) => [name, versionOf(name)]));
  const [cpu] = cpus();
  const { settings, comparisons, targets } = result;
  const written = {
    name,
    at: new Date().toISOString(),
    machine: {
      cores: cpus().length,
      cpu: cpu?.model ?? 'unknown',
      memory_gb: Math.round(totalmem() / 2 ** 30),
    },
    versions: { node: process.version, ...versions },
    settings,
    comparisons,
    targets,
  };
  const directory = fileURLToPath(new URL('../results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}${name}.json`, `${JSON.stringify(written, undefined, 2)}\n`);
  for (const { figure, unit, medians } of comparisons) {
    console.log(`\n${figure} (${unit}, median)`);
    for (const [contender, value] of Object.entries(medians)) console.log(`  ${contender}: ${round(value)}`);
  }
  console.log('');
  for (const { target, value, met } of targets)
    console.log(`${met ? 'met     ' : 'NOT met '} ${target}: ${round(value)}`);
};

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));

const versionOf = (name: string): string => {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : 'unknown';
};
