import nodePath from 'node:path';
import { watch } from 'chokidar';
import type { IsIgnored } from './ignore.ts';
import type { OpenRoot } from './open-root.ts';

export interface Watch {
  readonly identity: string;
  /** Changes from now on are seen, or watching has failed, which `onError` was told. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/**
 * Tells where in a root something changes. What it is, is for whoever looks: this is a bell, nothing more. Links are not
 * followed, files are not opened.
 */
export const watchRoot = (
  root: OpenRoot,
  {
    isIgnored,
    onChange,
    onError,
  }: {
    readonly isIgnored: IsIgnored;
    /** @param path within the root, with `/` */
    readonly onChange: (path: string) => void;
    readonly onError: (error: unknown) => void;
  },
): Watch => {
  const within = (absolute: string): string =>
    nodePath.relative(root.real, absolute).split(nodePath.sep).join('/');
  const watcher = watch(root.real, {
    ignoreInitial: true,
    followSymlinks: false,
    // It is looked again when all is quiet; to hold back or merge events would only hide them.
    atomic: false,
    ignorePermissionErrors: true,
    ignored: (absolute) => {
      const path = within(absolute);
      return path === '..' || path.startsWith('../') || isIgnored(path);
    },
  });
  watcher.on('all', (_kind, absolute) => onChange(within(absolute)));
  watcher.on('error', onError);
  return {
    identity: root.identity,
    ready: new Promise((resolve) => watcher.once('ready', resolve).once('error', () => resolve())),
    close: () => watcher.close(),
  };
};
