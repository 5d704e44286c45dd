#!/usr/bin/env node
'use strict';
// Starts the program on the Node of package.json, whatever Node the machine has. Plain old JavaScript for that reason.
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = dirname(__dirname);

/** Node 24: this one, or the one that is installed beside us (where npm lifts it to lies above). */
const findNode = () => {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  for (let dir = root; ; dir = dirname(dir)) {
    const path = join(dir, 'node_modules', 'node', 'bin', name);
    if (existsSync(path)) return path;
    if (dir === dirname(dir)) return undefined;
  }
};

const node = findNode();
if (node === undefined) {
  process.stderr.write(
    `error: Crucible needs Node 24; this is ${process.versions.node}, and the npm package "node" is not installed.\n` +
      'hint: Run `npm install` where Crucible is, or use Node 24.\n',
  );
  process.exit(1);
}

// A checkout has the source; what is installed has what was built of it, for Node strips no types below node_modules.
const source = join(root, 'src', 'main', 'cli.ts');
const program = existsSync(source) ? source : join(root, 'dist', 'src', 'main', 'cli.js');

const child = spawn(node, [program, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// A terminal tells the child itself of Ctrl+C; what is sent to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => {
  process.stderr.write(`error: ${node} could not be started: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal === null) {
    process.exit(code);
  }
  // Ends as the child did, so that a shell sees it.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
