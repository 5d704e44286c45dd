import { RE2JS } from 're2js';
import { messageOf } from '../kernel/errors.ts';

/** The longest regular expression, in characters. */
export const MAX_PATTERN_LENGTH = 512;

/** Whether the text holds a match anywhere. Linear in the text, whatever the expression. */
export type TextMatcher = (text: string) => boolean;

/**
 * Compiles a regular expression in RE2 syntax: no back-references, no look-around.
 * @throws Error that says what is wrong with the pattern
 */
export const compileRegex = (pattern: string): TextMatcher => {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new Error(
      `a regular expression may have ${MAX_PATTERN_LENGTH} characters, this one has ${pattern.length}`,
    );
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw new Error(`not a regular expression in RE2 syntax: ${messageOf(cause)}`, { cause });
  }
  return (text) => compiled.test(text);
};
