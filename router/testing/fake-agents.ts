import type { AgentServices, AgentView, RoomView, ToolView, WorldView } from '../../src/agents/agent.ts';

const agent: AgentView = {
  id: 'web-search',
  world: 'default',
  name: 'Web search',
  version: '1.0.0',
  capabilities: ['search'],
  actions: [
    {
      name: 'search',
      handler: { type: 'http', url: 'https://agents.example.org/', headers: {}, timeout_ms: 30_000 },
      inputs: { type: 'object' },
    },
  ],
  metadata: {},
  rooms: ['research'],
  definition: 'abc',
  created_at: 0,
};

const room: RoomView = {
  id: 'research',
  world: 'default',
  name: null,
  metadata: {},
  members: 1,
  created_at: 0,
};

const tool: ToolView = { name: 'lookup', description: null, parameters: null, created_at: 0 };

const world: WorldView = { id: 'lab', name: null, created: false, created_at: 0 };

/** Answers samples, like the other fakes, and records what it was asked. */
export const fakeAgents = (record: (name: string, ...args: unknown[]) => void): AgentServices => ({
  agents: {
    async register(input, options) {
      record('agents.register', input, options);
      return { ...agent, name: input.name };
    },
    async get(...args) {
      record('agents.get', ...args);
      return agent;
    },
    async list(...args) {
      record('agents.list', ...args);
      return [agent];
    },
    async unregister(...args) {
      record('agents.unregister', ...args);
    },
  },
  actions: {
    async execute(...args) {
      record('actions.execute', ...args);
      const [, { inputs }] = args;
      const ended = inputs['slow'] !== true;
      const state = ended ? 'succeeded' : 'running';
      return { run_id: 'run_1', event_id: 'evt_1', state, ended, outputs: null, error: null };
    },
  },
  messages: {
    async send(...args) {
      record('messages.send', ...args);
      return { message_id: 'mail_1', event_id: 'evt_1', recipients: 1 };
    },
  },
  rooms: {
    async create(...args) {
      record('rooms.create', ...args);
      return room;
    },
    async list(...args) {
      record('rooms.list', ...args);
      return [room];
    },
    async members(...args) {
      record('rooms.members', ...args);
      return [{ id: agent.id }];
    },
    async remove(...args) {
      record('rooms.remove', ...args);
    },
    async join(...args) {
      record('rooms.join', ...args);
    },
    async leave(...args) {
      record('rooms.leave', ...args);
    },
  },
  tools: {
    async create(...args) {
      record('tools.create', ...args);
      return tool;
    },
    async list(...args) {
      record('tools.list', ...args);
      return [tool];
    },
    async use(...args) {
      record('tools.use', ...args);
      return { id: 'evt_1' };
    },
  },
  worlds: {
    async create(...args) {
      record('worlds.create', ...args);
      return world;
    },
    async list(...args) {
      record('worlds.list', ...args);
      return [world];
    },
    async remove(...args) {
      record('worlds.remove', ...args);
    },
  },
});
