import matter from 'gray-matter';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { messageOf, type Issue } from '../errors.ts';
import { plainJsonIssues } from '../plain-json.ts';
import { atTheTop, createLocator, type Locator } from './positions.ts';

/** The largest file with front matter that is read whole, in characters, and the largest front matter in it. */
export const MAX_FILE_LENGTH = 512 * 1024;
const MAX_FRONT_MATTER_LENGTH = 64 * 1024;

/** How often aliases (`*name`) may be used, each counted with what it holds. */
const MAX_ALIASES = 50;

export interface FrontMatter {
  /** What the YAML says, as plain JSON; undefined where it could not be read. */
  readonly value: unknown;
  /** The Markdown below it, without white space around it. */
  readonly body: string;
  readonly issues: readonly Issue[];
  readonly locator: Locator;
}

const FENCE = '---';

/**
 * Reads the front matter of a file: the one way to do so, for hooks and notes alike. gray-matter cuts the file; it parses nothing: as it ships, the word after the
 * first `---` chooses an engine, and `---js` runs code. So the first line must be exactly `---`, our YAML reader stands
 * in place of its own, and every other engine refuses. A byte order mark and CRLF are accepted.
 */
export const readFrontMatter = (text: string): FrontMatter => {
  if (text.length > MAX_FILE_LENGTH)
    return refuse(1, `the file is larger than ${MAX_FILE_LENGTH / 1024} KiB`);
  const unix = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const fences = fenceProblem(unix);
  if (fences !== undefined) return fences;

  let read: YamlText | undefined;
  const file = matter(unix, {
    language: 'yaml',
    engines: {
      yaml: {
        parse: (yaml: string): object => {
          read = readYaml(yaml);
          return {};
        },
      },
      json: refusingEngine,
      javascript: refusingEngine,
      coffee: refusingEngine,
      toml: refusingEngine,
    },
  });
  // gray-matter asks no engine about front matter without anything in it.
  const { value, issues, locator } = read ?? readYaml('');
  return { value, body: file.content.trim(), issues, locator };
};

const refusingEngine = {
  parse: (): never => {
    throw new Error('front matter is YAML and nothing else');
  },
};

const refuse = (line: number, message: string, hint?: string): FrontMatter => ({
  value: undefined,
  body: '',
  issues: [{ path: '', message, ...(hint !== undefined && { hint }), line, column: 1 }],
  locator: atTheTop,
});

const fenceProblem = (text: string): FrontMatter | undefined => {
  const [first = '', ...rest] = text.split('\n');
  if (first !== FENCE) {
    const shown = JSON.stringify(first.slice(0, 40));
    return refuse(
      1,
      `the first line must be exactly \`---\`, not ${shown}`,
      'front matter is YAML; no word may follow the dashes',
    );
  }
  const index = rest.findIndex((line) => line.startsWith(FENCE));
  if (index === -1)
    return refuse(1, 'the front matter has no end', 'close it by a line that is exactly `---`');
  if (rest[index] !== FENCE)
    return refuse(
      index + 2,
      'the line that ends the front matter must be exactly `---`',
      'remove what follows the dashes',
    );
  const length = rest.slice(0, index).join('\n').length;
  if (length > MAX_FRONT_MATTER_LENGTH)
    return refuse(
      1,
      `the front matter is larger than ${MAX_FRONT_MATTER_LENGTH / 1024} KiB`,
      'put scripts into a file of their own',
    );
  return undefined;
};

interface YamlText {
  readonly value: unknown;
  readonly issues: readonly Issue[];
  readonly locator: Locator;
}

/** `yaml` is what follows the first `---`, its line break included, so that its lines are those of the file. */
const readYaml = (yaml: string): YamlText => {
  const lines = new LineCounter();
  const document = parseDocument(yaml, {
    version: '1.2',
    schema: 'core',
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
  const locator = createLocator(document, lines, yaml);
  // A warning is a tag or a directive that would be passed over: we pass over nothing.
  const issues = [...document.errors, ...document.warnings].slice(0, 20).map((problem): Issue => {
    const { line, col } = lines.linePos(problem.pos[0]);
    return {
      path: '',
      message: `YAML: ${lowerFirst(problem.message)}`,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
    };
  });
  if (issues.length > 0) return { value: undefined, issues, locator };

  const { value, problem } = toPlain(document);
  const found = problem === undefined ? plainJsonIssues(value) : [problem];
  return {
    value: found.length === 0 ? value : undefined,
    issues: found.map((issue) => placed(issue, locator)),
    locator,
  };
};

const toPlain = (document: Document): { value?: unknown; problem?: Issue } => {
  if (document.directives?.yaml.explicit === true)
    return {
      problem: { path: '', message: 'a %YAML directive is not accepted', hint: 'front matter is YAML 1.2' },
    };
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown };
  } catch (error) {
    return {
      problem: {
        path: '',
        message: `YAML: ${lowerFirst(messageOf(error))}`,
        hint: 'write it out without aliases',
      },
    };
  }
};

const placed = (issue: Issue, locator: Locator): Issue => ({ ...issue, ...locator.locate(issue.path) });

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
