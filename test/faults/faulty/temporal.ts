import { openTemporal as open } from '../../../src/temporal/temporal.ts';
import { dieAt } from './death.ts';
import { DOOMED } from './options.ts';

/** The real Temporal, before whose starts a process can die. */
export const openTemporal: typeof open = (options) => {
  const temporal = open(options);
  return {
    ...temporal,
    starter: {
      ...temporal.starter,
      start: (run, policy) => {
        if (run.event_type === DOOMED) dieAt('starting');
        return temporal.starter.start(run, policy);
      },
    },
  };
};
