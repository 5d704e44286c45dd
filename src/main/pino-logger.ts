import { pino, type DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config, LogFormat } from '../config/config.ts';
import type { Logger } from '../kernel/logger.ts';

export interface PinoLoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `auto`: for people on a terminal, else for programs. */
  readonly format: LogFormat;
  /** Whether colours are wanted, where they can be shown. */
  readonly colors: boolean;
  readonly isTerminal: boolean;
  /** Gets whole lines. Default stderr: stdout is for what was asked for (`ready <url>`). */
  readonly destination?: DestinationStream;
}

/** `[12:30:00.123] WARN: Temporal cannot be reached {"component":"dispatch"}`, and the stack of an error below. */
const readable = (to: DestinationStream, colors: boolean): DestinationStream => {
  const format = prettyFactory({
    colorize: colors,
    colorizeObjects: false,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return {
    write(line) {
      to.write(format(line));
    },
  };
};

/**
 * Structured logs on stderr, one JSON object a line; where people read along, one readable line each.
 * Fields that could hold a secret are cut out, whatever put them there.
 */
export const createPinoLogger = ({
  level,
  format,
  colors,
  isTerminal,
  destination = pino.destination({ dest: 2, sync: true }),
}: PinoLoggerOptions): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          'authorization',
          '*.authorization',
          'secret',
          '*.secret',
          'token',
          '*.token',
          'key',
          '*.key',
          'password',
          '*.password',
        ],
        censor: '[redacted]',
      },
    },
    format === 'pretty' || (format === 'auto' && isTerminal)
      ? readable(destination, colors && isTerminal)
      : destination,
  );

/** The log of a program. */
export const loggerOf = (config: Pick<Config, 'logLevel' | 'logFormat' | 'logColors'>): Logger =>
  createPinoLogger({
    level: config.logLevel,
    format: config.logFormat,
    colors: config.logColors,
    isTerminal: process.stderr.isTTY,
  });
