import { defineConfig } from 'vitest/config';

const shared = {
  pool: 'forks' as const,
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // The sandbox's isolated-vm needs this wherever it is loaded.
  execArgv: ['--no-node-snapshot'],
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{src,workflows,activities,router,hooks,scripts}/**/*.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'server',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['{src,workflows,activities,router,hooks}/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      reportOnFailure: true,
      // What runs in child processes (the server of the end-to-end tests) is not counted.
      thresholds: { lines: 80, statements: 80, functions: 80, branches: 80 },
    },
  },
});
