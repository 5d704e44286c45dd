/** The checks that `npm test` runs before the tests. Each is also an npm script of its own. */
export interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

export const CHECKS: readonly Check[] = [
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  {
    name: 'layers',
    command: [
      'depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      'src',
      'workflows',
      'activities',
      'router',
      'hooks',
    ],
  },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'types', command: ['tsc', '-p', '.'] },
];
