import { currentOrigin, withOrigin } from '../../src/kernel/context.ts';
import { eventIdOf } from './emitted-id.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import type { Egress } from '../../src/egress/egress.ts';
import type { PublishInput, Published } from '../../src/log/event-service.ts';
import type { ScriptRequest } from '../../src/sandbox/sandbox.ts';
import type { ActionRun } from './action-input.ts';
import { storyHeaders } from './story-headers.ts';

export interface CapabilityDeps {
  readonly egress: Egress;
  /**
   * Publishes on behalf of the run: the current origin is the run's. `firstStands`: what the run has published under
   * the same id before is the answer, whatever it holds.
   */
  readonly emit: (
    input: PublishInput,
    options: { readonly firstStands: boolean },
  ) => Promise<readonly Published[]>;
  /** Of Crucible, for `user-agent`. */
  readonly version: string;
}

type Capabilities = ScriptRequest['capabilities'];
type Capability = Capabilities[string];

/** Everything that `crucible` can ever offer, and the permission that a hook needs for it. */
const PERMISSION_OF: Readonly<Record<string, string>> = {
  'http.fetch': 'http:fetch',
  'events.emit': 'events:emit',
  'events.query': 'events:query',
  'flows.trigger': 'flows:trigger',
  'memory.get': 'memory:read',
  'memory.query': 'memory:read',
  'memory.tag': 'memory:write',
  'memory.link': 'memory:write',
  'memory.create': 'memory:write',
  'graph.neighbors': 'graph:read',
};

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const DEFAULT_FETCH_TIMEOUT_MS = 10_000;

const headersOf = (value: JsonValue | undefined): Record<string, string> => {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new Error('`headers` must be an object');
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      if (typeof text !== 'string' && typeof text !== 'number')
        throw new Error(`the header ${name} must be a text`);
      return [name.toLowerCase(), String(text)];
    }),
  );
};

const fetchFor =
  (run: ActionRun, deps: CapabilityDeps): Capability =>
  async ([url, options = null]) => {
    if (typeof url !== 'string') throw new Error('the first argument must be a URL');
    if (options !== null && !isObject(options)) throw new Error('the second argument must be an object');
    const {
      method = 'GET',
      headers,
      body = null,
      timeout_ms: timeoutMs = DEFAULT_FETCH_TIMEOUT_MS,
    } = options ?? {};
    if (typeof method !== 'string') throw new Error('`method` must be a text');
    if (typeof timeoutMs !== 'number') throw new Error('`timeout_ms` must be a number');
    const isText = typeof body === 'string';
    const response = await deps.egress.request({
      method,
      url,
      headers: {
        'user-agent': `Crucible/${deps.version}`,
        ...(body === null || isText ? {} : { 'content-type': 'application/json' }),
        ...headersOf(headers),
        ...storyHeaders(run.context),
      },
      ...(body === null ? {} : { body: isText ? body : JSON.stringify(body) }),
      timeoutMs: Math.max(1, Math.min(timeoutMs, run.timeLeftMs())),
      signal: run.context.signal,
    });
    const { status, truncated } = response;
    return {
      status,
      ok: status >= 200 && status < 300,
      headers: response.headers,
      body: response.body,
      truncated,
    };
  };

const TEXTS = ['subject', 'room', 'id', 'version'] as const;

const publishInputOf = (value: JsonValue | undefined, defaultId: string): PublishInput => {
  if (!isObject(value)) throw new Error('the argument must be an event: { type, payload, … }');
  const { type, payload, ...others } = value;
  if (typeof type !== 'string') throw new Error('`type` must be a text such as custom.note.tagged');
  if (!isObject(payload)) throw new Error('`payload` must be an object');
  const unknown = Object.keys(others).filter((key) => !(TEXTS as readonly string[]).includes(key));
  if (unknown.length > 0) throw new Error(`an event to emit has no ${unknown.join(', ')}`);
  const texts: Partial<Record<(typeof TEXTS)[number], string>> = {};
  for (const key of TEXTS) {
    const text = value[key];
    if (text === undefined || text === null) continue;
    if (typeof text !== 'string') throw new Error(`\`${key}\` must be a text`);
    texts[key] = text;
  }
  return { type, payload, id: defaultId, ...texts };
};

const emitFor = (run: ActionRun, deps: CapabilityDeps): Capability => {
  let emitted = 0;
  return async ([value]) => {
    const { context } = run;
    // The nth event of a run has one id in all attempts: a retry does not publish it twice, and need not make it alike.
    const ownId = eventIdOf(context.run.id, context.run.generation, emitted);
    // What a script was given in its inputs is not to stand in an event.
    const input = publishInputOf(value === undefined ? value : run.secrets.redactAll(value), ownId);
    emitted += 1;
    const [published] = await deps.emit(input, { firstStands: input.id === ownId });
    if (published === undefined) throw new Error('the event was not published');
    const { id, position, type } = published;
    return { id, position, type };
  };
};

/**
 * What `crucible` offers to a hook's script. What the hook has no permission for, and what does not exist yet, is there
 * too and says why it does nothing. Each call carries the origin of the run: messages of a runner process come without.
 */
export const capabilitiesFor = (run: ActionRun, deps: CapabilityDeps): Capabilities => {
  const origin = currentOrigin();
  const built: Readonly<Record<string, Capability>> = {
    'http.fetch': fetchFor(run, deps),
    'events.emit': emitFor(run, deps),
  };
  const offered = Object.entries(PERMISSION_OF).map(([name, permission]): [string, Capability] => {
    if (!run.hook.permissions.includes(permission)) {
      return [name, () => Promise.reject(new Error(`the hook needs the permission ${permission}`))];
    }
    const capability = built[name];
    if (capability === undefined) return [name, () => Promise.reject(new Error('is not available yet'))];
    return [
      name,
      (args) => (origin === undefined ? capability(args) : withOrigin(origin, () => capability(args))),
    ];
  });
  return Object.fromEntries(offered);
};
