/** What a script may use where its request says nothing. Sizes in characters of JSON or text. */
export const LIMITS = {
  cpuMs: 200,
  memoryMb: 32,
  sourceLength: 256 * 1024,
  inputLength: 1024 * 1024,
  resultLength: 256 * 1024,
  /** One line; the rest of it is cut. */
  logLineLength: 8 * 1024,
  /** All lines together; past it the script ends. */
  logLength: 64 * 1024,
  logLines: 1_000,
  /** The arguments, and the answer, of one call of a capability. */
  callLength: 1024 * 1024,
  /** Calls of capabilities that may be under way at once, and in all. */
  callsAtOnce: 32,
  calls: 1_000,
  messageLength: 2 * 1024,
} as const;

/** What each word of `exceeded` means, for people. */
export const LIMIT_MESSAGES = {
  timeout: (value: number) => `The script did not end within ${value} ms`,
  cpu: (value: number) => `The script used more than ${value} ms of processor time`,
  memory: (value: number) => `The script used more than ${value} MB of memory`,
  source_size: (value: number) => `The script is longer than ${value} characters`,
  input_size: (value: number) => `The input is longer than ${value} characters of JSON`,
  result_size: (value: number) => `The result is longer than ${value} characters of JSON`,
  log_size: (value: number) =>
    `The script logged more than ${value} characters, or more than ${LIMITS.logLines} lines`,
} as const;

export type LimitName = keyof typeof LIMIT_MESSAGES;
