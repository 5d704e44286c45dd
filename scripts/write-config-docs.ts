/** `npm run docs:config`: writes what the schema of settings says into the reference page. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withSettings } from './config-docs.ts';

const page = join(import.meta.dirname, '../docs/reference/configuration.md');
await writeFile(page, withSettings(await readFile(page, 'utf8')));
