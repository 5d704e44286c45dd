import { describe, expect, it } from 'vitest';
import { createPinoLogger, type PinoLoggerOptions } from './pino-logger.ts';

const written = (options: Partial<PinoLoggerOptions>, say = tellOfAll): string => {
  let text = '';
  const destination = { write: (line: string) => void (text += line) };
  say(
    createPinoLogger({
      level: 'info',
      format: 'auto',
      colors: true,
      isTerminal: false,
      ...options,
      destination,
    }),
  );
  return text;
};
const tellOfAll = (logger: ReturnType<typeof createPinoLogger>): void => {
  logger.debug({}, 'not told');
  logger.child({ component: 'http' }).warn({ status: 503, token: 'crk_secret' }, 'the queue is full');
};

describe('logs', () => {
  it('are JSON, one object a line, where a program reads them', () => {
    for (const options of [{}, { format: 'json', isTerminal: true }] as const) {
      const lines = written(options).trimEnd().split('\n');
      expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
        {
          level: 'warn',
          time: expect.stringMatching(/Z$/),
          component: 'http',
          status: 503,
          token: '[redacted]',
          msg: 'the queue is full',
        },
      ]);
    }
  });

  it('are a readable line each where people read them, or where that is asked for', () => {
    const line =
      /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: the queue is full \{"component":"http","status":503,"token":"\[redacted\]"\}\n$/;
    expect(written({ isTerminal: true, colors: false })).toMatch(line);
    expect(written({ format: 'pretty' })).toMatch(line);
  });

  it('have colours on a terminal only, and only where they are wanted', () => {
    expect(written({ isTerminal: true })).toContain('\u001b[');
    expect(written({ isTerminal: true, colors: false })).not.toContain('\u001b[');
    expect(written({ format: 'pretty', colors: true })).not.toContain('\u001b[');
  });

  it('tell the stack of an error', () => {
    const text = written({ format: 'pretty' }, (logger) =>
      logger.error({ err: new Error('disk full') }, 'it ends'),
    );
    expect(text).toContain('ERROR');
    expect(text).toMatch(/disk full[\s\S]*at .*pino-logger\.test\.ts/);
  });
});
