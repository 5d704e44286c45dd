import type { ServerResponse } from 'node:http';
import { messageOf } from '../kernel/errors.ts';

export interface ComponentState {
  readonly name: string;
  readonly state: 'ready' | 'starting' | 'degraded' | 'failed' | 'stopping';
  /** In words, when it is not ready. No secrets: this is open to all. */
  readonly detail?: string;
}

/** What the process is made of. `main` gives it; checks are quick and never throw for what a component can do wrong. */
export interface Health {
  components(): Promise<readonly ComponentState[]> | readonly ComponentState[];
}

/** `degraded` still serves: writes go on while the workflow engine is away. */
const isServing = (component: ComponentState): boolean =>
  component.state === 'ready' || component.state === 'degraded';

const send = (res: ServerResponse, status: number, value: object): void => {
  const body = JSON.stringify(value);
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  if (status === 503) res.setHeader('Retry-After', '1');
  res.end(body);
};

/** Alive: the process turns its event loop. Says nothing of what it depends on, so that a supervisor does not end it for that. */
export const answerHealthz = (res: ServerResponse, version: string): void =>
  send(res, 200, { status: 'ok', version });

/** Ready to take work: 200, else 503, with the state of each part. */
export const answerReadyz = async (res: ServerResponse, health: Health, draining: boolean): Promise<void> => {
  let components: readonly ComponentState[];
  try {
    components = await health.components();
  } catch (error) {
    components = [{ name: 'health', state: 'failed', detail: messageOf(error) }];
  }
  const ready = !draining && components.every(isServing);
  send(res, ready ? 200 : 503, { status: draining ? 'stopping' : ready ? 'ready' : 'not_ready', components });
};
