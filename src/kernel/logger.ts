/**
 * Structured logging as a dependency. `main` gives pino; tests give a recording one.
 * Fields never hold secrets: what is secret never reaches a logger.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

const ignore = (): void => undefined;

/** Drops everything. For tests and tools that have nobody to tell. */
export const silentLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLogger,
};
