import { settingsTable } from '../src/config/describe.ts';

const BEGIN = '<!-- begin: settings; written by `npm run docs:config` -->';
const END = '<!-- end: settings -->';

/** The reference page of the configuration with its table made anew. @throws Error where the page lacks its marks */
export const withSettings = (page: string): string => {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the page must hold ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${settingsTable()}\n\n${page.slice(end)}`;
};
