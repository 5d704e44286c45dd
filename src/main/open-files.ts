import { sep } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Documents } from '../files/documents.ts';
import { realOf } from '../files/open-root.ts';
import { createFiles, type WatchedFiles } from '../files/service.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Closers } from './closers.ts';
import { systemOrigin } from './system-origin.ts';

/**
 * The watched directories. They are looked at from `start` on, which nobody needs to wait for: what is there is taken over
 * while the server works already.
 * @throws CrucibleError `config_invalid` where one lies in another, or in the data directory
 */
export const openFiles = (
  {
    config,
    logger,
  }: {
    readonly config: Pick<Config, 'dataDir' | 'filesWatch' | 'filesIgnore'>;
    readonly logger: Logger;
  },
  {
    log,
    writer,
    documents,
  }: { readonly log: Log; readonly writer: StateWriter; readonly documents: Documents },
  closers: Closers,
): WatchedFiles => {
  const { dataDir, filesWatch, filesIgnore } = config;
  checkApart(
    filesWatch.map(({ path }) => path),
    dataDir,
  );
  const files = createFiles({
    roots: filesWatch,
    ignore: filesIgnore,
    exclude: [dataDir, realOf(dataDir)],
    records: log.records,
    answered: log.answered,
    writer,
    documents,
    systemOrigin: () => systemOrigin('files', newId),
    newId,
    clock,
    logger,
  });
  closers.add(() => files.close());
  return files;
};

/** A file in two watched directories would be two memories; the log's own files would cause events without end. */
const checkApart = (roots: readonly string[], dataDir: string): void => {
  const data = realOf(dataDir);
  const issues = roots.flatMap((root, i): readonly Issue[] => {
    const path = 'files_watch';
    const real = realOf(root);
    if (isWithin(real, data)) return [{ path, message: `${root} lies in the data directory` }];
    const outer = roots.find((other, j) => j !== i && isWithin(real, realOf(other)));
    return outer === undefined ? [] : [{ path, message: `${root} lies in ${outer}, which is watched too` }];
  });
  if (issues.length === 0) return;
  throw new CrucibleError(
    'config_invalid',
    `The directories to watch are not valid:\n${issues.map(({ message }) => `  ${message}`).join('\n')}`,
    { issues, hint: 'Name each directory once in files_watch, apart from the others.' },
  );
};

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
