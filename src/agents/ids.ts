import { createHash } from 'node:crypto';

const MAX_ID_LENGTH = 64;

/**
 * `Web search` to `web-search`: an id that may stand in a URL. What has no Latin letter or digit in it gets one that is
 * made of its hash.
 */
export const agentIdOf = (name: string): string => {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_ID_LENGTH)
    .replace(/^-+|-+$/g, '');
  if (slug !== '') return slug;
  return `agent-${createHash('sha256').update(name.normalize('NFC')).digest('hex').slice(0, 12)}`;
};

/** Ids are of one world; those of rows are of all. No part holds a slash. */
export const rowIdOf = (...parts: readonly string[]): string => parts.join('/');

/** How dispatch knows an agent. */
export const targetIdOf = (world: string, agent: string): string => `agent:${rowIdOf(world, agent)}`;

/** The names that events and the graph know things by. */
export const agentNodeId = (agent: string): string => `agent:${agent}`;
export const roomSubject = (room: string): string => `room:${room}`;
export const worldSubject = (world: string): string => `world:${world}`;
