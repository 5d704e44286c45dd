import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ADMIN_KEY, openStream } from '../../src/stream/testing/open-stream.ts';

/** The client of the stream in a page of a real browser: its modules as they are, without their types. */

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const skipped = chromium === undefined ? ' (skipped: there is no Chromium on this machine)' : '';

const pageOf = (url: string): string => `<!doctype html><script type="module">
import { streamEvents } from '/client/stream.ts';
const report = (what) => fetch('/report', { method: 'POST', body: JSON.stringify(what) });
const filters = [{ event_type: 'custom.note.*' }];
const backoff = { first: 1, most: 5 };
try {
  for await (const event of streamEvents({ url: '${url}', key: '${ADMIN_KEY}' }, { filters, after: 0, backoff }))
    await report(event.position);
} catch (error) {
  await report(String(error));
}
</script>`;

/** Serves the page and the modules of the client, and keeps what the page reports. */
const openPage = async () => {
  const reports: unknown[] = [];
  let page = '';
  const server = createServer((req, res) => {
    const answer = async (): Promise<void> => {
      const [, module] = /^\/client\/([a-z-]+)\.ts$/.exec(req.url ?? '') ?? [];
      if (req.url === '/report') {
        reports.push(JSON.parse(await text(req)));
        res.end();
      } else if (module === undefined) {
        res.setHeader('content-type', 'text/html').end(page);
      } else {
        const source = await readFile(new URL(`../../src/client/${module}.ts`, import.meta.url), 'utf8');
        res.setHeader('content-type', 'text/javascript').end(stripTypeScriptTypes(source));
      }
    };
    answer().catch((error: unknown) => {
      reports.push(String(error));
      res.destroy();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    reports,
    show: (html: string): void => void (page = html),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};

const browse = async (command: string, url: string) => {
  const profile = await mkdtemp(join(tmpdir(), 'crucible-chromium-'));
  const child = spawn(
    command,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      url,
    ],
    { stdio: 'ignore', detached: true },
  );
  const ended = once(child, 'close');
  return {
    /** Resolves when it has ended by itself. */
    ended,
    async [Symbol.asyncDispose]() {
      // The browser and all the processes that it has started.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

test.skipIf(chromium === undefined)(
  `in Chromium: what was there, what happens, and on after a break, each once${skipped}`,
  async () => {
    await using page = await openPage();
    await using stream = await openStream({ origins: [page.origin] });
    await stream.publish({}, { type: 'custom.other' }, {});
    page.show(pageOf(`http://127.0.0.1:${stream.port}`));
    await using browser = await browse(chromium ?? '', page.origin);
    // Nothing is reported by a browser that could not start.
    void browser.ended.then(() => page.reports.push('the browser ended'));
    const reported = (...positions: readonly number[]) =>
      expect.poll(() => page.reports, { timeout: 30_000 }).toEqual(positions);
    await reported(1, 3);
    await stream.publish({});
    await reported(1, 3, 4);
    stream.breakAll();
    await stream.publish({}, { type: 'custom.other' }, {});
    await reported(1, 3, 4, 5, 7);
  },
  60_000,
);
