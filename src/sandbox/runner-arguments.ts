import { existsSync } from 'node:fs';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How an Alpine Linux is known: what loads isolated-vm looks, to choose between its two builds. */
const ALPINE = '/etc/alpine-release';

/** The innermost `node_modules` that a file lies in: nothing but packages. */
const packagesAround = (file: string): string => {
  const marker = `${sep}node_modules${sep}`;
  const at = file.lastIndexOf(marker);
  return at < 0 ? dirname(file) : file.slice(0, at + marker.length - 1);
};

/** What a runner must read to start: our code, isolated-vm and what that is loaded by. */
const readable = (): readonly string[] => {
  const ours = createRequire(import.meta.url);
  const isolatedVm = ours.resolve('isolated-vm');
  const loader = createRequire(isolatedVm).resolve('node-gyp-build');
  const manifest = findPackageJSON(import.meta.url);
  return [
    ...new Set([
      fileURLToPath(new URL('..', import.meta.url)),
      packagesAround(isolatedVm),
      // As they are looked for: a `node_modules` that is a link, or full of links, is read under this name too.
      ...(ours.resolve.paths('isolated-vm') ?? []).filter(
        (path) => path.endsWith(`${sep}node_modules`) && existsSync(path),
      ),
      packagesAround(loader),
      ...(manifest === undefined ? [] : [manifest]),
      ALPINE,
    ]),
  ];
};

/**
 * The arguments of Node for a runner process. Were a script to get out of its isolate, it would still have no files to
 * write, no programs to start, no worker, and no file to read but code.
 */
export const runnerArguments = (): readonly string[] => [
  '--no-node-snapshot',
  '--max-old-space-size=96',
  '--permission',
  '--allow-addons',
  ...readable().map((path) => `--allow-fs-read=${path}`),
  '--no-warnings',
];
