import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command by its words (`memory add`), with what may come next. */
interface Completable {
  readonly words: string;
  readonly next: readonly string[];
}

const visibleOptions = (command: Command): readonly string[] =>
  command.options
    .filter((option) => !option.hidden)
    .flatMap(({ long }) => (typeof long === 'string' ? [long] : []));

/** Every command, with its subcommands and the options that its help shows, those of the program included. */
const completables = (program: Command): readonly Completable[] => {
  const common = visibleOptions(program);
  const walk = (command: Command, words: readonly string[]): readonly Completable[] => {
    const names = command.commands.map((each) => each.name());
    const options = words.length === 0 ? common : [...visibleOptions(command), ...common];
    const own = { words: words.join(' '), next: [...names, ...options, '--help'] };
    return [own, ...command.commands.flatMap((each) => walk(each, [...words, each.name()]))];
  };
  return walk(program, []);
};

const cases = (found: readonly Completable[]): string =>
  found.map(({ words, next }) => `    '${words}') next='${next.join(' ')}' ;;`).join('\n');

/** Words before the cursor that are commands; an option and its value end no command, so both are passed over. */
const bash = (
  found: readonly Completable[],
): string => `# bash completion of crucible: source <(crucible completion bash)
_crucible() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words='' next='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && break
    words="\${words:+$words }$word"
  done
  while :; do
    case "$words" in
${cases(found)}
    esac
    [[ -n "$next" || -z "$words" ]] && break
    [[ "$words" == *' '* ]] && words="\${words% *}" || words=''
  done
  COMPREPLY=($(compgen -W "$next" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _crucible crucible
`;

const zsh = (found: readonly Completable[]): string => `#compdef crucible
# zsh completion of crucible: source <(crucible completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bash(found)}`;

const fish = (found: readonly Completable[]): string => {
  const lines = found.map(({ words, next }) => {
    const depth = words === '' ? 0 : words.split(' ').length;
    return `complete -c crucible -n '__crucible_at ${depth} "${words}"' -a '${next.join(' ')}'`;
  });
  return `# fish completion of crucible: crucible completion fish | source
function __crucible_at
  set -l typed (commandline -opc)[2..-1]
  set -l words
  for word in $typed
    string match -q -- '-*' $word; and break
    set -a words $word
  end
  test (count $words) -ge $argv[1]; or return 1
  test $argv[1] -eq 0; and return (test (count $words) -eq 0)
  test "$words[1..$argv[1]]" = "$argv[2]"
end
${lines.join('\n')}
`;
};

/** A script that makes the shell complete the commands and options of the program. */
export const completionScript = (shell: Shell, program: Command): string =>
  ({ bash, zsh, fish })[shell](completables(program));
