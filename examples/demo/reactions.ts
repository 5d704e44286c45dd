import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { apiErrorOf, type CrucibleClient } from '../../src/client/client.ts';

export interface Reactions {
  readonly hooks: readonly string[];
  readonly webhook: string;
  /** The webhook's signing secret. */
  readonly secret: string;
  remove(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('suggest-tags.js', import.meta.url));

const definitions = async (sinkUrl: string) => [
  {
    name: 'demo-suggest-tags',
    description: 'Suggests tags for a note from the words that it uses',
    trigger: { events: [{ event_type: 'custom.note.imported' }] },
    action: { type: 'script', source: await readFile(SCRIPT, 'utf8') },
  },
  {
    name: 'demo-post-important',
    description: 'Posts notes that are tagged #important to a receiver',
    trigger: {
      events: [{ event_type: 'custom.note.imported', filter: { tags: { contains: '#important' } } }],
    },
    action: {
      type: 'http',
      method: 'POST',
      url: `${sinkUrl}/important`,
      body: { title: '{{event.payload.title}}', path: '{{event.payload.path}}' },
    },
  },
];

/** Registers two hooks and a webhook that react to imported notes. Hooks of an earlier demo are replaced. */
export const react = async (client: CrucibleClient, sinkUrl: string): Promise<Reactions> => {
  const hooks: string[] = [];
  for (const definition of await definitions(sinkUrl)) {
    try {
      await client.hooks.create.mutate(definition);
    } catch (error) {
      if (apiErrorOf(error)?.code !== 'already_exists') throw error;
      await client.hooks.replace.mutate({ id: definition.name, ...definition });
    }
    hooks.push(definition.name);
  }
  const { id, secret } = await client.webhooks.create.mutate({
    url: `${sinkUrl}/webhook`,
    name: 'demo',
    filters: [{ event_type: 'custom.note.imported' }],
  });
  // A repeated request (one with an idempotency key) is not told the secret again; this one is new.
  if (secret === null) throw new Error('the server did not tell the secret of a new webhook');
  return {
    hooks,
    webhook: id,
    secret,
    // The receiver ends with the demo: what points to it must not stay.
    remove: async () => {
      await client.webhooks.delete.mutate({ id });
      for (const hook of hooks) await client.hooks.delete.mutate({ id: hook });
    },
  };
};
