'use strict';
// Builds dist/, the JavaScript and types of the published package. Plain old JavaScript: npm runs it on any Node.
const { spawnSync } = require('node:child_process');
const { rmSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = dirname(__dirname);
rmSync(join(root, 'dist'), { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [require.resolve('typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
