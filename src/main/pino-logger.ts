import { pino } from 'pino';
import type { Logger } from '../kernel/logger.ts';

/**
 * Structured logs, one JSON object a line on stderr: stdout is for what was asked for (`ready <url>`).
 * Fields that could hold a secret are cut out, whatever put them there.
 */
export const createPinoLogger = (level: 'debug' | 'info' | 'warn' | 'error'): Logger =>
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
    pino.destination({ dest: 2, sync: true }),
  );
