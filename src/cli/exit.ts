/** What the program ends with. */
export const EXIT = {
  ok: 0,
  /** It was understood and did not work. */
  failed: 1,
  /** It was not understood. */
  usage: 2,
  /** The key is missing, wrong, or does not open this. */
  access: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a command ends with that has said everything already, or says it by its message. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly exitCode?: ExitCode; readonly hint?: string } = {}) {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.hint = options.hint;
  }
}

/** Something that was typed cannot be meant so. */
export const usageFailure = (message: string, hint?: string): CliFailure =>
  new CliFailure(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
