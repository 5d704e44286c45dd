'use strict';
// Installs what is missing, and nothing when nothing is. Runs before the install, on whatever Node the machine has, so
// it is plain old JavaScript without dependencies. After it, `node` in every npm script is the Node of package.json.
const { createHash } = require('node:crypto');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { spawnSync } = require('node:child_process');

const root = join(__dirname, '..');
const stamp = join(root, 'node_modules', '.crucible-installed');
const node = join(root, 'node_modules', '.bin', 'node');

const fail = (message, mend) => {
  console.error(`\n${message}\n${mend}`);
  process.exit(1);
};

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(
    `Node ${process.versions.node} is too old: Crucible needs Node 20 or later to install itself.`,
    'Install a newer Node, then run the command again.',
  );
}

// After an install npm may have written the lock file anew, so what is noted is asked for again then.
const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package.json')))
    .update(existsSync(join(root, 'package-lock.json')) ? readFileSync(join(root, 'package-lock.json')) : '')
    .digest('hex');
const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : '';

const works = () => spawnSync(node, ['--version'], { encoding: 'utf8' }).status === 0;

if (installed !== wanted() || !works()) {
  console.log('Installing dependencies (about half a minute) …');
  // Not `npm ci`: it refuses lock files with optional packages of other platforms that npm itself wrote.
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.error) {
    fail(
      `npm could not be started: ${result.error.message}`,
      'Install npm (it comes with Node), then run the command again.',
    );
  }
  if (result.status !== 0) {
    fail(
      `npm install failed with exit code ${result.status}; its own message is above.`,
      'Without network, copy node_modules from a machine with the same platform; else check the registry setting (npm config get registry).',
    );
  }
  if (!works()) {
    fail(
      'Node 24 was installed as the npm package "node" but does not run here.',
      'Check that its install script may run (npm config get ignore-scripts must be false).',
    );
  }
  writeFileSync(stamp, `${wanted()}\n`);
}
