import { expect, test } from 'vitest';
import type { Logger } from '../kernel/logger.ts';
import { damped, sdkLogger } from './sdk-runtime.ts';

const recording = (): { logger: Logger; lines: string[] } => {
  const lines: string[] = [];
  const at = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return { logger, lines };
};

test('levels of the SDK are ours, and what is below ours is debug', () => {
  const { logger, lines } = recording();
  const sdk = sdkLogger(logger);
  for (const level of ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const) sdk.log(level, level);
  sdk.warn('by name', { a: 1 });
  expect(lines).toEqual([
    'debug TRACE',
    'debug DEBUG',
    'debug INFO',
    'warn WARN',
    'error ERROR',
    'warn by name',
  ]);
});

test('a server that is away is told once in half a minute; other warnings always', () => {
  const { logger, lines } = recording();
  let time = 0;
  const quiet = damped(logger, () => time);
  const retry = { target: 'temporalio_client::retry' };
  quiet.warn(retry, 'first');
  quiet.warn(retry, 'second');
  quiet.warn({ target: 'other' }, 'other');
  quiet.warn({}, 'own');
  time = 30_000;
  quiet.warn(retry, 'third');
  expect(lines).toEqual([
    expect.stringMatching(/^warn first; more of these/),
    'debug second',
    'warn other',
    'warn own',
    expect.stringMatching(/^warn third/),
  ]);
});
