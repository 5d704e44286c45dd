import { CrucibleError } from '../kernel/errors.ts';

/** The release of the Temporal CLI whose dev server we run, and what its program must hash to. */
export interface TemporalRelease {
  readonly version: string;
  /** SHA-256 (hex) of the program itself, not of what it is packed in, by `<process.platform>-<process.arch>`. */
  readonly sha256: Readonly<Record<string, string>>;
}

export const TEMPORAL_RELEASE: TemporalRelease = {
  version: '1.9.1',
  sha256: {
    'linux-x64': '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
    'linux-arm64': '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
    'darwin-x64': 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
    'darwin-arm64': '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
};

/** What a person can do when we have no program: part of every hint about it. */
export const WAYS_OUT =
  'Set TEMPORAL_ADDRESS to a running Temporal server, or CRUCIBLE_TEMPORAL_BINARY to the `temporal` program, or put it on the PATH.';

/** The pinned hash for a platform. @throws CrucibleError `temporal_platform` */
export const pinnedHash = (release: TemporalRelease, platform: string): string => {
  const hash = Object.hasOwn(release.sha256, platform) ? release.sha256[platform] : undefined;
  if (hash !== undefined) return hash;
  const known = Object.keys(release.sha256).join(', ');
  throw new CrucibleError(
    'temporal_platform',
    `No Temporal server program is pinned for ${platform}; there is one for ${known}.`,
    { hint: WAYS_OUT },
  );
};
