import { createColors } from 'picocolors';
import { apiErrorOf, type ApiError } from '../client/client.ts';
import { StreamError } from '../client/stream-error.ts';
import { CliFailure, EXIT, type ExitCode } from './exit.ts';
import { printable, printableLines } from './printable.ts';

export interface Told {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** What can be done about an error that the server itself gives no hint for. */
const HINTS: Partial<Record<ApiError['code'], string>> = {
  unauthenticated: 'Give a valid key in CRUCIBLE_API_KEY or by --key-file.',
  forbidden: 'This key does not allow it; `crucible key list` with an admin key tells what keys may do.',
  rate_limited: 'Wait a little, then try again.',
};

const ofApi = (error: ApiError): Told => {
  const hint = error.hint ?? HINTS[error.code];
  const issues = (error.errors ?? []).map((issue) => {
    const where = issue.path === '' ? '' : `${issue.path}: `;
    return `  ${printable(`${where}${issue.message}`)}${issue.hint === undefined ? '' : ` (${printable(issue.hint)})`}`;
  });
  return {
    lines: [
      `${printableLines(error.message)} (${error.code})`,
      ...issues,
      ...(hint === undefined ? [] : [`hint: ${printable(hint)}`]),
      ...(error.code === 'internal' && error.requestId !== undefined
        ? [`request: ${printable(error.requestId)}`]
        : []),
    ],
    exitCode: error.code === 'unauthenticated' || error.code === 'forbidden' ? EXIT.access : EXIT.failed,
  };
};

/** The deepest of the causes says most: `connect ECONNREFUSED 127.0.0.1:8080`. */
const rootOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  if (error instanceof Error && error.cause !== undefined) return rootOf(error.cause);
  return error instanceof Error ? error.message : String(error);
};

/** What is told of whatever was thrown, and what the program ends with. `url` is the server that was asked, if any. */
export const describeFailure = (error: unknown, url: string | undefined): Told => {
  const api = apiErrorOf(error);
  if (api !== undefined) return ofApi(api);
  if (error instanceof StreamError)
    return ofApi({
      code: error.code as ApiError['code'],
      message: error.message,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  if (error instanceof CliFailure) {
    return {
      lines: [printableLines(error.message), ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])],
      exitCode: error.exitCode,
    };
  }
  if (url === undefined) return { lines: [printableLines(rootOf(error))], exitCode: EXIT.failed };
  return {
    lines: [
      `no answer of Crucible from ${url}: ${printable(rootOf(error))}`,
      'hint: Start a server with `crucible dev`, or name another by CRUCIBLE_URL or --url.',
    ],
    exitCode: EXIT.failed,
  };
};

/** As it stands on stderr. */
export const errorText = ({ lines: [first = '', ...rest] }: Told, colors: boolean): string =>
  [`${createColors(colors).red('error:')} ${first}`, ...rest, ''].join('\n');
