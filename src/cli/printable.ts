/** C0 and C1 control characters, and those that turn the direction of text around: none of it may reach a terminal. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One line of text that may be shown in a terminal, whoever wrote it: what others stored must not move the cursor. */
export const printable = (text: string): string => text.replace(/\s+/g, ' ').replace(UNPRINTABLE, '�');

/** The same of a text of several lines, which keep their indentation. */
export const printableLines = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => line.replaceAll('\t', ' ').replace(UNPRINTABLE, '�'))
    .join('\n');

/** At most `width` characters, with an ellipsis where some are missing. */
export const shortened = (text: string, width: number): string => {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
};
