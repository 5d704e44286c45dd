import type { CrucibleEvent } from '../events/envelope.ts';

/** The text of one event's messages: the event is serialised once, whoever gets it. */
export interface Frames {
  readonly event: CrucibleEvent;
  /** The whole message as UTF-8, for these subscriptions of one connection. */
  of(subscriptions: readonly string[]): Buffer;
}

export const framesOf = (event: CrucibleEvent): Frames => {
  let json: string | undefined;
  // Most clients name their one subscription alike.
  const made = new Map<string, Buffer>();
  return {
    event,
    of(subscriptions) {
      const ids = JSON.stringify(subscriptions);
      const known = made.get(ids);
      if (known !== undefined) return known;
      json ??= JSON.stringify(event);
      const frame = Buffer.from(`{"type":"event","subscriptions":${ids},"event":${json}}`);
      made.set(ids, frame);
      return frame;
    },
  };
};
