import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { Logger } from '../kernel/logger.ts';
import { messageOf } from '../kernel/errors.ts';
import { sdkLogger } from './sdk-runtime.ts';

export interface WorkflowBundle {
  readonly code: string;
}

export interface BundleOptions {
  /** Where bundles are kept by the hash of what they are made of; e.g. `<data>/temporal`. */
  readonly cacheDir: string;
  readonly logger: Logger;
  /** The file whose exports are the workflows. Default: ours. */
  readonly entry?: string;
}

/** Beside this file as source (`.ts`) and as published (`.js`). */
const ownEntry = (): string => {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../workflows/index.${extension}`, import.meta.url));
};

/** The workflow code as the worker runs it. Bundling takes seconds, so an unchanged one comes from the cache. */
export const workflowBundle = async (options: BundleOptions): Promise<WorkflowBundle> => {
  const entry = options.entry ?? ownEntry();
  const path = join(options.cacheDir, `workflows-${await hashOf(entry)}.js`);
  const cached = await readFile(path, 'utf8').catch(() => undefined);
  if (cached !== undefined && cached !== '') return { code: cached };
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: sdkLogger(options.logger) });
  try {
    await mkdir(options.cacheDir, { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, code);
    await rename(temporary, path);
  } catch (error) {
    options.logger.warn(
      { path, problem: messageOf(error) },
      'the workflow bundle could not be kept; starting takes longer',
    );
  }
  return { code };
};

/** `… from './x.ts'`, `import './x.ts'`: all that our workflow code uses. Packages count by the SDK's version. */
const RELATIVE_IMPORT = /(?:from|import)\s*['"](\.[^'"]+)['"]/g;

const hashOf = async (entry: string): Promise<string> => {
  const hash = createHash('sha256').update(await sdkVersion());
  const seen = new Set<string>();
  const queue = [entry];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = await readFile(file, 'utf8');
    hash.update(`\0${text}`);
    for (const [, path] of text.matchAll(RELATIVE_IMPORT))
      if (path !== undefined) queue.push(resolve(dirname(file), path));
  }
  return hash.digest('hex').slice(0, 24);
};

const sdkVersion = async (): Promise<string> =>
  readFile(fileURLToPath(import.meta.resolve('@temporalio/workflow/package.json')), 'utf8');
