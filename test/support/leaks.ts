import { Client, Connection } from '@temporalio/client';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A secret as it may stand in JSON, in a URL, in HTTP credentials, in a listing of bytes. */
export const formsOf = (secret: string): readonly string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('hex'),
];

/** Where one of the secrets stands, by the names of the texts. Empty: nowhere. */
export const leaksIn = (
  places: Readonly<Record<string, string>>,
  secrets: readonly string[],
): readonly string[] =>
  Object.entries(places).flatMap(([place, text]) =>
    secrets
      .flatMap(formsOf)
      .filter((form) => text.includes(form))
      .map((form) => `${place}: ${form}`),
  );

/** Every file below, byte for byte, by its path. */
export const filesBelow = async (dir: string): Promise<Readonly<Record<string, string>>> => {
  const texts: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) texts[path] = await readFile(path, 'latin1');
  }
  return texts;
};

/** Every workflow history of a namespace as text, payloads and all. */
export const historiesOf = async (temporal: {
  readonly address: string;
  readonly namespace: string;
}): Promise<string> => {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const texts: string[] = [];
    for await (const { workflowId, runId } of client.workflow.list()) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const text = JSON.stringify(history, (_key, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
      );
      texts.push(workflowId, text);
    }
    return texts.join('\n');
  } finally {
    await connection.close();
  }
};
