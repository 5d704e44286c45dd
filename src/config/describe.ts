import { stringify } from 'yaml';
import { DESCRIPTIONS } from './descriptions.ts';
import { SETTINGS, type SettingName } from './schema.ts';
import { isSecret, SETTING_NAMES } from './sources.ts';

/** The value of an absent setting; undefined: none, or one that follows from others. */
const defaultOf = (name: SettingName): unknown => SETTINGS[name].schema.safeParse(undefined).data;

const isEmpty = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 0);

const defaultCell = (name: SettingName): string => {
  const value = defaultOf(name);
  if (isEmpty(value)) return DESCRIPTIONS[name].unset ?? 'none';
  return `\`${Array.isArray(value) ? value.join(',') : String(value)}\``;
};

/** The table of the reference page. */
export const settingsTable = (): string => {
  const rows = SETTING_NAMES.map((name) => {
    const secret = isSecret(name) ? 'Secret. ' : '';
    return `| \`${name}\` | \`${SETTINGS[name].variable}\` | ${defaultCell(name)} | ${secret}${DESCRIPTIONS[name].meaning} |`;
  });
  return ['| setting | variable | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
};

/** Markdown without its links. */
export const plain = (markdown: string): string => markdown.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');

const wrapped = (text: string, width: number): readonly string[] => {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
};

const entry = (name: SettingName): string => {
  const value = defaultOf(name);
  const line = isEmpty(value)
    ? `${name}:`
    : `${name}: ${stringify(value, { collectionStyle: 'flow' }).trim()}`;
  const { meaning, unset } = DESCRIPTIONS[name];
  const notes = [
    ...wrapped(plain(meaning), 100),
    ...(isEmpty(value) && unset !== undefined ? [`Default: ${unset.replaceAll('`', '')}`] : []),
    isSecret(name)
      ? `A secret: better given as ${SETTINGS[name].variable}.`
      : `Variable: ${SETTINGS[name].variable}`,
  ];
  return [...notes.map((note) => `# ${note}`), `#${line}`].join('\n');
};

/** An annotated `crucible.yaml` in which every setting stands as a comment, with its default. */
export const configTemplate = (): string =>
  [
    '# Settings of Crucible. Take away the # before a setting to change it (words follow "# ", settings follow "#").',
    '# Stronger than this file are variables, and flags are stronger than those.',
    '# `crucible config` shows what holds, and where each value comes from.',
    ...SETTING_NAMES.map((name) => `\n${entry(name)}`),
    '',
  ].join('\n');
