import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, type Issue } from '../../src/kernel/errors.ts';
import { resolveInside, type HookPlace } from './inside.ts';

/** The largest script, in bytes. */
const MAX_SCRIPT_BYTES = 256 * 1024;

export interface ScriptFile {
  readonly source: string | undefined;
  /** Absolute; also of a file that is missing, so that its coming is noticed. */
  readonly watch: string | undefined;
  readonly issues: readonly Issue[];
}

/** Reads the script that a hook file names. Problems are issues at `at`, never exceptions. */
export const readScriptFile = async (place: HookPlace, name: string, at: string): Promise<ScriptFile> => {
  const wrong = (watch: string | undefined, message: string, hint: string): ScriptFile => ({
    source: undefined,
    watch,
    issues: [{ path: at, message, hint }],
  });
  if (!/\.m?js$/.test(name))
    return wrong(undefined, `\`${name}\` is not a JavaScript file`, 'its name must end in .js or .mjs');
  try {
    const found = await resolveInside(place, name);
    if (found.kind === 'outside')
      return wrong(
        found.written,
        `\`${name}\` leads out of the hook directory`,
        'put the script beside the hook file',
      );
    if (found.kind === 'missing')
      return wrong(
        found.written,
        `there is no file \`${name}\``,
        `it is looked for beside the hook file, in ${shownFolder(place)}`,
      );
    const status = await stat(found.real);
    // To open a pipe waits for whoever writes into it.
    if (!status.isFile()) return wrong(found.written, `\`${name}\` is not a file`, 'name a plain file');
    const { size } = status;
    if (size > MAX_SCRIPT_BYTES)
      return wrong(
        found.written,
        `\`${name}\` is larger than ${MAX_SCRIPT_BYTES / 1024} KiB`,
        'make it smaller',
      );
    return { source: decode(await readFile(found.real)), watch: found.written, issues: [] };
  } catch (error) {
    return wrong(
      path.resolve(place.folder, name),
      `\`${name}\` cannot be read: ${reason(error)}`,
      'it must be a readable UTF-8 text',
    );
  }
};

/** @throws TypeError where the bytes are not UTF-8 */
export const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

/** The folder as seen from the hook directory: messages name no path of the machine. */
const shownFolder = ({ root, folder }: HookPlace): string => {
  const relative = path.relative(root, folder);
  return relative === '' ? 'the hook directory' : `${relative}/`;
};

/** Why a file could not be read, without its path on this machine. */
export const reason = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
