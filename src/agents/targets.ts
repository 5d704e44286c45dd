import type { Records } from '../log/records.ts';
import type { Target } from '../dispatch/target.ts';
import { AGENT_TABLE, asAgent, targetOf } from './rows.ts';

const PAGE = 1_000;

/** All stored agents as targets, at start-up, before the first request is matched. */
export const loadTargets = async (records: Records): Promise<readonly Target[]> => {
  const targets: Target[] = [];
  for (let after: string | undefined; ;) {
    const rows = await records.list(AGENT_TABLE.name, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    targets.push(...rows.map((row) => targetOf(asAgent(row))));
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return targets;
  }
};
