import { expect } from 'vitest';
import type { Rest } from './rest.ts';

/** The run that the event led to, with its attempts, once it has ended. `list`: where the runs of its target are listed. */
export const endedRun = async (
  rest: Rest,
  list: string,
  eventId: string,
  wait: { readonly timeout: number },
) => {
  let id: string | undefined;
  await expect
    .poll(async () => {
      const { body } = await rest('GET', list);
      const run = body.data.find(({ event_id }: { event_id: string }) => event_id === eventId);
      id = run?.id;
      return run?.finished_at ?? null;
    }, wait)
    .not.toBeNull();
  return (await rest('GET', `/runs/${id}`)).body;
};
