/** What coming back does not mend. */
export class StreamError extends Error {
  /** One of the API's codes. */
  readonly code: string;
  /** How to mend it. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = 'StreamError';
    this.code = code;
    this.hint = hint;
  }
}
