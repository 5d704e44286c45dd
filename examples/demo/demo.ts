/**
 * `npm run demo [-- <directory of Markdown notes>]`: imports notes as events, lets two hooks and a webhook react, and
 * shows what came of it. Uses the server that runs, or starts one of its own.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { apiErrorOf, createClient, type CrucibleClient } from '../../src/client/client.ts';
import { verifyStandard } from '../../src/webhooks/verify.ts';
import { readNotes, type Note } from './notes.ts';
import { react, type Reactions } from './reactions.ts';
import { percentile, progress, table } from './screen.ts';
import { demoServer } from './server.ts';
import { startSink, type Sink } from './sink.ts';

const EXAMPLE_NOTES = fileURLToPath(new URL('../notes', import.meta.url));
const OPEN = new Set(['pending', 'running', 'retrying', 'held']);

interface Published {
  readonly id: string;
  readonly ackMs: number;
}

const publish = async (client: CrucibleClient, notes: readonly Note[]): Promise<readonly Published[]> => {
  const show = progress('publishing', notes.length);
  const published: Published[] = [];
  for (const note of notes) {
    const before = performance.now();
    const { data } = await client.events.publish.mutate({ type: 'custom.note.imported', payload: note });
    for (const { id } of data) published.push({ id, ackMs: performance.now() - before });
    show(published.length);
  }
  return published;
};

type RunPage = Awaited<ReturnType<CrucibleClient['hooks']['runs']['query']>>;
type Run = RunPage['data'][number];

/** The runs that these events led to, at one target. */
const collect = async (
  read: (cursor: string | undefined) => Promise<RunPage>,
  eventIds: ReadonlySet<string>,
): Promise<readonly Run[]> => {
  const runs: Run[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await read(cursor);
    const ours = page.data.filter((run) => eventIds.has(run.event_id));
    runs.push(...ours);
    // Newest first: a page without one of ours lies before this import.
    if (page.next_cursor === null || ours.length === 0) return runs;
    cursor = page.next_cursor;
  }
};

const runsOf = async (client: CrucibleClient, reactions: Reactions, eventIds: ReadonlySet<string>) => {
  const page = (cursor: string | undefined) => ({ limit: 500, ...(cursor !== undefined && { cursor }) });
  const [tagged = [], posted = []] = await Promise.all(
    reactions.hooks.map((id) =>
      collect((cursor) => client.hooks.runs.query({ id, ...page(cursor) }), eventIds),
    ),
  );
  const delivered = await collect(
    (cursor) => client.webhooks.deliveries.query({ id: reactions.webhook, ...page(cursor) }),
    eventIds,
  );
  return { tagged, posted, delivered };
};

type Runs = Awaited<ReturnType<typeof runsOf>>;

const untilEnded = async (read: () => Promise<Runs>, expected: number): Promise<Runs> => {
  const show = progress('reacting  ', expected);
  for (;;) {
    const runs = await read();
    const all = [...runs.tagged, ...runs.posted, ...runs.delivered];
    const ended = all.filter(({ state }) => !OPEN.has(state)).length;
    show(ended);
    if (ended >= expected) return runs;
    await delay(100);
  }
};

const verified = (sink: Sink, secret: string): number =>
  sink.received.filter(({ path, headers, body }) => {
    if (path !== '/webhook') return false;
    verifyStandard({ headers, body, secret });
    return true;
  }).length;

const row = (what: string, runs: readonly Run[]): readonly string[] => {
  const waits = runs.map(({ created_at: from, started_at: to }) =>
    to === null ? Number.NaN : Date.parse(to) - Date.parse(from),
  );
  const wholes = runs.map(({ created_at: from, finished_at: to }) =>
    to === null ? Number.NaN : Date.parse(to) - Date.parse(from),
  );
  const succeeded = runs.filter(({ state }) => state === 'succeeded').length;
  return [
    what,
    `${runs.length}`,
    `${succeeded}`,
    percentile(waits, 0.5),
    percentile(wholes, 0.5),
    percentile(wholes, 0.99),
  ];
};

const main = async (): Promise<void> => {
  const dir = resolve(process.argv[2] ?? EXAMPLE_NOTES);
  const notes = await readNotes(dir);
  if (notes.length === 0)
    throw new Error(`There is no Markdown file under ${dir}: give a directory that has some.`);
  await using server = await demoServer(process.env);
  console.log(
    `${server.fresh ? 'Started' : 'Using the running'} server at ${server.url}; ${notes.length} notes from ${dir}`,
  );
  await using sink = await startSink();
  const client = createClient(server);
  const reactions = await react(client, sink.url);
  try {
    const published = await publish(client, notes);
    const eventIds = new Set(published.map(({ id }) => id));
    const important = notes.filter(({ tags }) => tags.includes('#important')).length;
    const expected = notes.length * 2 + important;
    const runs = await untilEnded(() => runsOf(client, reactions, eventIds), expected);

    console.log();
    console.log(
      table([
        ['', 'count', 'succeeded', 'started after (p50)', 'ended after (p50)', '(p99)'],
        [
          'events published',
          `${published.length}`,
          `${eventIds.size}`,
          '',
          percentile(
            published.map(({ ackMs }) => ackMs),
            0.5,
          ),
          percentile(
            published.map(({ ackMs }) => ackMs),
            0.99,
          ),
        ],
        row('runs: suggest tags (script)', runs.tagged),
        row('runs: post important (http)', runs.posted),
        row('deliveries (signed webhook)', runs.delivered),
      ]),
    );
    console.log(
      `\nThe receiver took ${sink.received.length} requests; ${verified(sink, reactions.secret)} signatures verified.`,
    );
    console.log('One of each in the Temporal UI:');
    for (const [what, [run]] of Object.entries(runs)) {
      if (run === undefined) continue;
      const { temporal_url: url, workflow_id: workflowId } = await client.runs.get.query({ id: run.id });
      console.log(`  ${what.padEnd(9)} ${url ?? `workflow ${workflowId}`}`);
    }
    if (server.fresh && process.stdin.isTTY) {
      console.log('\nThe server stays until you press Enter, so that the links work.');
      await new Promise((done) => process.stdin.once('data', done));
      process.stdin.pause();
    }
  } finally {
    await reactions.remove();
  }
};

try {
  await main();
} catch (error) {
  const api = apiErrorOf(error);
  console.error(
    api === undefined
      ? `\n${error instanceof Error ? error.message : String(error)}`
      : `\n${api.code}: ${api.message}${api.hint === undefined ? '' : `\n${api.hint}`}`,
  );
  process.exitCode = 1;
}
