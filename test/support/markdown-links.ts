import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** A relative link that leads nowhere. */
export interface BrokenLink {
  /** Relative to the root, with the line, counted from 1: `docs/README.md:12`. */
  readonly at: string;
  readonly target: string;
  readonly reason: string;
}

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.crucible']);

/** Every Markdown file below `root`, absolute, sorted. */
export const markdownFiles = (root: string): readonly string[] =>
  readdirSync(root, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(root, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownFiles(path);
      return entry.name.endsWith('.md') ? [path] : [];
    })
    .sort();

/** The text with code (fenced, and in back-ticks) blanked out, so that every line keeps its number. */
const withoutCode = (text: string): string => {
  let fence: string | undefined;
  return text
    .split('\n')
    .map((line) => {
      const mark = /^ {0,3}(?:>\s*)*(?:[-*+\d.]+ +)?(?<mark>`{3,}|~{3,})/.exec(line)?.groups?.['mark'];
      if (fence !== undefined) {
        if (mark !== undefined && mark.startsWith(fence)) fence = undefined;
        return '';
      }
      if (mark !== undefined) {
        fence = mark;
        return '';
      }
      return line.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, '');
    })
    .join('\n');
};

/** `[text](target)`, images, and `[label]: target`. The target may stand in angle brackets and have a title. */
const INLINE = /\]\(\s*<?(?<target>[^\s<>()]*(?:\([^\s()]*\)[^\s<>()]*)*)>?(?:\s+["'(][^)]*)?\s*\)/g;
const REFERENCE = /^ {0,3}\[[^\]]+\]:\s*<?(?<target>[^\s<>]+)>?/gm;

interface Link {
  readonly target: string;
  readonly line: number;
}

export const linksOf = (text: string): readonly Link[] => {
  const plain = withoutCode(text);
  return [...plain.matchAll(INLINE), ...plain.matchAll(REFERENCE)].map((match) => ({
    target: match.groups?.['target'] ?? '',
    line: plain.slice(0, match.index).split('\n').length,
  }));
};

/**
 * The anchors of a page, as GitHub makes them: headings in lower case, punctuation dropped, spaces as hyphens, a number
 * behind what came before; and explicit `id` and `name` attributes.
 */
export const anchorsOf = (text: string): ReadonlySet<string> => {
  // Headings keep what stands in back-ticks; only fenced code is none.
  const withoutFences = text.replace(/^ {0,3}(`{3,}|~{3,})[\s\S]*?^ {0,3}\1.*$/gm, '');
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const [, heading = ''] of withoutFences.matchAll(/^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$/gm)) {
    const slug = heading
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  for (const [, id = ''] of withoutFences.matchAll(/<\w+[^>]*\s(?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
};

const isExternal = (target: string): boolean => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(target);

const reasonAgainst = (root: string, file: string, target: string): string | undefined => {
  const [path = '', anchor] = target.split('#', 2);
  if (path.startsWith('/')) return 'is absolute: it leads elsewhere on every machine and site';
  let wanted: string;
  try {
    wanted = path === '' ? file : resolve(dirname(file), decodeURIComponent(path));
  } catch {
    return 'is not a well-formed address';
  }
  if (wanted !== root && !wanted.startsWith(root + sep)) return 'leads out of the repository';
  if (!existsSync(wanted)) return 'there is no such file';
  if (anchor === undefined || anchor === '') return undefined;
  if (statSync(wanted).isDirectory() || !wanted.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(wanted, 'utf8')).has(decodeURIComponent(anchor))
    ? undefined
    : 'there is no such heading';
};

/** Every relative link in the Markdown files below `root` whose file or heading does not exist. */
export const brokenLinks = (root: string): readonly BrokenLink[] =>
  markdownFiles(root).flatMap((file) =>
    linksOf(readFileSync(file, 'utf8'))
      .filter(({ target }) => !isExternal(target))
      .flatMap(({ target, line }): readonly BrokenLink[] => {
        const reason = target === '' ? 'is empty' : reasonAgainst(root, file, target);
        const at = `${relative(root, file).split(sep).join('/')}:${line}`;
        return reason === undefined ? [] : [{ at, target, reason }];
      }),
  );
