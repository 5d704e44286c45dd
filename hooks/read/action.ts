import path from 'node:path';
import type { Issue } from '../../src/kernel/errors.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { didYouMean } from '../../src/events/nearest.ts';
import type { HookAction } from '../definition.ts';
import { resolveInside, type HookPlace } from '../file/inside.ts';
import { readScriptFile } from '../file/script-file.ts';
import { below, isObject, readFields } from './fields.ts';
import { optional } from './optional.ts';
import * as schema from './schema.ts';

export interface ReadAction {
  /** Undefined: too much of it is wrong to say what it would do. */
  readonly action: HookAction | undefined;
  readonly issues: readonly Issue[];
  /** Absolute paths of files that it was read from, or would be. */
  readonly watch: readonly string[];
}

const PATH = 'action';

/** @param place where the hook file lives; undefined for a hook made through the API, which names no files */
export const readAction = async (value: unknown, place: HookPlace | undefined): Promise<ReadAction> => {
  if (value === undefined) return refused({ path: PATH, message: 'is missing' });
  if (!isObject(value)) return refused({ path: PATH, message: 'must be an action: keys and values' });
  const { type } = value;
  const kind = typeof type === 'string' && isKind(type) ? type : undefined;
  if (kind === undefined) {
    const message =
      type === undefined ? 'is missing' : `there is no action ${JSON.stringify(type).slice(0, 50)}`;
    const hint =
      (typeof type === 'string' ? didYouMean(type, KINDS) : undefined)?.hint ?? `one of ${KINDS.join(', ')}`;
    return refused({ path: below(PATH, 'type'), message, hint });
  }
  return await readers[kind](value, place);
};

const refused = (...issues: readonly Issue[]): ReadAction => ({ action: undefined, issues, watch: [] });

const settled = (action: HookAction | undefined, issues: readonly Issue[]): ReadAction => ({
  action,
  issues,
  watch: [],
});

type Reader = (value: JsonLike, place: HookPlace | undefined) => ReadAction | Promise<ReadAction>;
type JsonLike = Readonly<Record<string, unknown>>;

const type = schema.named;

const readScript: Reader = async (value, place) => {
  const { fields, issues } = readFields(value, PATH, 'a script action', {
    type,
    script: schema.fileName,
    source: schema.script,
    // How a definition that came from a file says its name; read back by whoever edits what was answered.
    file: schema.fileName,
    inputs: schema.json.optional(),
  });
  const all = [...issues, ...exactlyOne(value, 'script', 'source')];
  if (fields.file !== undefined && value['source'] === undefined)
    all.push({
      path: below(PATH, 'file'),
      message: 'names no script by itself',
      hint: 'did you mean `script`?',
    });
  const at = below(PATH, 'script');
  if (fields.script !== undefined && place === undefined) {
    all.push({
      path: at,
      message: 'script files belong to hook files',
      hint: 'give the script itself as `source`',
    });
    return { action: undefined, issues: all, watch: [] };
  }
  const read =
    fields.script !== undefined && place !== undefined
      ? await readScriptFile(place, fields.script, at)
      : { source: fields.source, watch: undefined, issues: [] };
  const file = fields.script ?? fields.file;
  return {
    action:
      read.source === undefined
        ? undefined
        : {
            type: 'script',
            source: read.source,
            ...optional('file', file),
            ...optional('inputs', fields.inputs),
          },
    issues: [...all, ...read.issues],
    watch: read.watch === undefined ? [] : [read.watch],
  };
};

const readShell: Reader = async (value, place) => {
  const { fields, issues } = readFields(value, PATH, 'a shell action', {
    type,
    command: schema.command,
    shell: schema.shellScript,
    cwd: schema.fileName,
    env: schema.texts,
  });
  const cwd = await readCwd(fields.cwd, place);
  return settled(
    {
      type: 'shell',
      ...optional('command', fields.command),
      ...optional('shell', fields.shell),
      ...optional('cwd', cwd.cwd),
      ...optional('env', fields.env),
    },
    [...issues, ...exactlyOne(value, 'command', 'shell'), ...cwd.issues],
  );
};

/** The folder that a shell action works in: the one it names, within the hook directory, else that of its file. */
const readCwd = async (
  cwd: string | undefined,
  place: HookPlace | undefined,
): Promise<{ cwd: string | undefined; issues: readonly Issue[] }> => {
  const at = below(PATH, 'cwd');
  if (place === undefined) {
    const issue = { path: at, message: 'a working directory belongs to hook files', hint: 'leave `cwd` out' };
    return { cwd: undefined, issues: cwd === undefined ? [] : [issue] };
  }
  if (cwd === undefined) return { cwd: path.resolve(place.folder), issues: [] };
  const found = await resolveInside(place, cwd);
  if (found.kind === 'inside') return { cwd: found.real, issues: [] };
  const message =
    found.kind === 'missing' ? `there is no folder \`${cwd}\`` : `\`${cwd}\` leads out of the hook directory`;
  return { cwd: undefined, issues: [{ path: at, message, hint: 'name a folder beside the hook file' }] };
};

const readHttp: Reader = (value) => {
  const { fields, issues } = readFields(value, PATH, 'an http action', {
    type,
    method: schema.method,
    url: schema.url,
    headers: schema.texts,
    body: schema.json.optional(),
  });
  if (fields.url === undefined) return settled(undefined, issues);
  const action: HookAction = {
    type: 'http',
    method: fields.method ?? 'POST',
    url: fields.url,
    ...optional('headers', fields.headers),
    ...optional('body', fields.body),
  };
  return settled(action, issues);
};

const readFlow: Reader = (value) => {
  const { fields, issues } = readFields(value, PATH, 'a flow action', {
    type,
    flow: schema.named,
    inputs: schema.mapping,
    wait: schema.flag,
  });
  if (fields.flow === undefined) return settled(undefined, issues);
  const inputs = optional('inputs', fields.inputs);
  return settled({ type: 'flow', flow: fields.flow, ...inputs, wait: fields.wait ?? false }, issues);
};

const readWebhook: Reader = (value) => {
  const { fields, issues } = readFields(value, PATH, 'a webhook action', {
    type,
    webhook: schema.named.optional(),
    url: schema.url.optional(),
    auth: schema.mapping,
  });
  const auth: JsonObject | undefined = fields.auth;
  const all = [...issues, ...exactlyOne(value, 'webhook', 'url')];
  if (auth !== undefined && fields.url === undefined)
    all.push({
      path: below(PATH, 'auth'),
      message: 'goes with `url` only',
      hint: 'a registered webhook has its own',
    });
  return settled(
    {
      type: 'webhook',
      ...optional('webhook', fields.webhook),
      ...optional('url', fields.url),
      ...optional('auth', auth),
    },
    all,
  );
};

const readers = {
  script: readScript,
  shell: readShell,
  http: readHttp,
  flow: readFlow,
  webhook: readWebhook,
} as const;

type Kind = keyof typeof readers;
const KINDS = Object.keys(readers) as readonly Kind[];
const isKind = (word: string): word is Kind => Object.hasOwn(readers, word);

const exactlyOne = (value: JsonLike, one: string, other: string): readonly Issue[] => {
  const given = [one, other].filter((key) => value[key] !== undefined);
  if (given.length === 1) return [];
  return given.length === 0
    ? [{ path: PATH, message: `needs \`${one}\` or \`${other}\`` }]
    : [
        {
          path: below(PATH, other),
          message: `\`${one}\` and \`${other}\` exclude each other`,
          hint: 'keep one of the two',
        },
      ];
};
