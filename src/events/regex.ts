import { RE2JS } from 're2js';
import { messageOf } from '../kernel/errors.ts';

/** The longest regular expression, in characters. */
export const MAX_PATTERN_LENGTH = 512;

/** Instructions of a compiled one: the time for a text is their product, and `(a?){500}` is short to write. */
const MAX_PROGRAM = 600;

/** Whether the text holds a match anywhere. Linear in the text, whatever the expression. */
export type TextMatcher = (text: string) => boolean;

/**
 * Compiles a regular expression in RE2 syntax: no back-references, no look-around.
 * @throws Error that says what is wrong with the pattern
 */
export const compileRegex = (pattern: string): TextMatcher => {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new Error(`longer than the ${MAX_PATTERN_LENGTH} characters that a regular expression may have`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw new Error(`not a regular expression in RE2 syntax: ${messageOf(cause)}`, { cause });
  }
  if (compiled.programSize() > MAX_PROGRAM)
    throw new Error('too large a regular expression once its repetitions are written out');
  return (text) => compiled.test(text);
};
