/** What a command has of the world around it: tests give their own. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  /** Data, on stdout. */
  readonly out: (text: string) => void;
  /** Everything else, on stderr. */
  readonly err: (text: string) => void;
  readonly colors: boolean;
  /** All of stdin, as text. */
  readonly readStdin: () => Promise<string>;
  /** Calls it when somebody presses Ctrl-C, or asks the program to end otherwise. @returns ends it */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** The server that the configuration of this directory describes. @throws Error what is wrong with it */
  readonly local: () => LocalServer;
}

export interface LocalServer {
  readonly url: string;
  /** Absolute; holds `admin.key`. */
  readonly dataDir: string;
  /** An admin key that the configuration gives. */
  readonly key: string | undefined;
}
