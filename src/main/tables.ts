import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { AGENT_TABLES } from '../agents/rows.ts';
import { KEY_TABLE } from '../access/key-row.ts';
import { LINE_KEY_TABLE, LINE_TABLE } from '../dispatch/line.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../dispatch/run.ts';
import { FILES_TABLES } from '../files/row.ts';
import { GRAPH_TABLES } from '../graph/tables.ts';
import { CUSTOM_TYPE_TABLE } from '../log/custom-types.ts';
import { SEMANTIC_TABLES } from '../memory/semantic-rows.ts';
import { MEMORY_TABLES } from '../memory/tables.ts';
import { WEBHOOK_TABLE } from '../webhooks/row.ts';
import { SETTINGS_TABLE } from './settings-change.ts';

/** All tables of the store, whichever process opens it. */
export const TABLES = [
  RUN_TABLE,
  ATTEMPT_TABLE,
  DEFINITION_TABLE,
  LINE_TABLE,
  LINE_KEY_TABLE,
  HOOK_TABLE,
  WEBHOOK_TABLE,
  KEY_TABLE,
  CUSTOM_TYPE_TABLE,
  ...AGENT_TABLES,
  ...GRAPH_TABLES,
  ...MEMORY_TABLES,
  ...SEMANTIC_TABLES,
  ...FILES_TABLES,
  SETTINGS_TABLE,
];
