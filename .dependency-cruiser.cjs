// Who may import whom: downwards only. The order is the one of docs/architecture/README.md.
const LAYERS = [
  { name: 'kernel', path: ['^src/kernel/'] },
  { name: 'events', path: ['^src/events/'] },
  { name: 'log', path: ['^src/(log|bus|access|egress|sandbox)/'] },
  { name: 'state', path: ['^src/state/'] },
  { name: 'services', path: ['^src/(memory|graph|agents|files|flows|webhooks|dispatch)/', '^hooks/'] },
  { name: 'edge', path: ['^activities/', '^router/'] },
  { name: 'adapters', path: ['^src/(surreal|temporal|http|stream|internal)/'] },
  { name: 'main', path: ['^src/main/', '^src/config/'] },
];

const upward = LAYERS.slice(0, -1).map((layer, index) => ({
  name: `${layer.name}-imports-upwards`,
  severity: 'error',
  comment: 'Layers point downwards only.',
  from: { path: layer.path, pathNot: '\\.test\\.ts$' },
  to: { path: LAYERS.slice(index + 1).flatMap((above) => above.path) },
}));

/** What each layer of several folders may not do: reach into its neighbours. */
const sideways = [
  { folders: ['log', 'bus', 'access', 'egress', 'sandbox'], except: [] },
  // The vocabulary of runs and targets is shared by everything that reacts to events.
  {
    folders: ['memory', 'graph', 'agents', 'files', 'flows', 'webhooks', 'dispatch'],
    except: ['^src/dispatch/(target|outcome|run)\\.ts$'],
  },
  { folders: ['surreal', 'temporal', 'http', 'stream', 'internal'], except: [] },
].map(({ folders, except }) => ({
  name: `neighbours-of-${folders[0]}`,
  severity: 'error',
  comment: 'Neighbours meet through events or a port, never by import.',
  from: { path: `^src/(${folders.join('|')})/`, pathNot: '\\.test\\.ts$' },
  to: { path: `^src/(${folders.join('|')})/`, pathNot: ['^src/$1/', ...except] },
}));

const only = (name, library, path) => ({
  name: `only-${name}`,
  severity: 'error',
  comment: `${library} is imported by its adapter only.`,
  from: { path: '^(src|workflows|activities|router|hooks)/', pathNot: [path, '\\.test\\.ts$'] },
  to: { path: `node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      comment: 'An import that does not resolve is cruised past in silence otherwise.',
      from: {},
      to: { couldNotResolve: true },
    },
    ...upward,
    ...sideways,
    {
      name: 'hooks-and-services',
      severity: 'error',
      from: { path: '^hooks/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^src/(memory|graph|agents|files|flows|webhooks|dispatch)/',
        pathNot: '^src/dispatch/(target|outcome|run)\\.ts$',
      },
    },
    {
      name: 'services-and-hooks',
      severity: 'error',
      from: { path: '^src/(memory|graph|agents|files|flows|webhooks|dispatch)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^hooks/' },
    },
    ...['surreal', 'temporal', 'http', 'stream', 'internal', 'config'].map((adapter) => ({
      name: `only-main-composes-${adapter}`,
      severity: 'error',
      comment: 'Only main imports adapters and the configuration.',
      from: {
        path: '^(src|workflows|activities|router|hooks)/',
        pathNot: ['^src/main/', `^src/${adapter}/`, '\\.test\\.ts$'],
      },
      to: { path: `^src/${adapter}/`, pathNot: '^src/config/config\\.ts$' },
    })),
    {
      name: 'main-has-no-memory-log',
      severity: 'error',
      comment: 'The memory adapter of the log is for tests.',
      from: { path: '^src/main/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/log/memory' },
    },
    {
      name: 'workflows-are-lean',
      severity: 'error',
      comment: 'Workflow code is bundled for the workflow VM: types and pure functions only.',
      from: { path: '^workflows/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot: ['^workflows/', '^src/(kernel|events)/', 'node_modules/@temporalio/(workflow|common)/'],
      },
    },
    {
      name: 'workflows-without-zod',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: 'node_modules/zod/', reachable: true },
    },
    only('surreal', '(surrealdb|@surrealdb/node)', '^src/surreal/'),
    only('express', 'express', '^src/http/'),
    only('ws', 'ws', '^src/stream/'),
    only('temporal', '@temporalio', '^(src/temporal|workflows|activities)/'),
    {
      name: 'clients-use-the-client',
      severity: 'error',
      from: { path: '^(src/cli|dashboard|examples)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: '^src/((client|cli)/|webhooks/verify[.]ts$)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
