// An agent that counts words when it is asked: `CRUCIBLE_URL=… KEY=<a key of the agent> node examples/stream/agent.ts`.
const { CRUCIBLE_URL = 'http://127.0.0.1:8080', KEY = '' } = process.env;
const count = ({ text }: { text: string }) => ({ words: text.split(/\s+/).length });

const connect = (): void => {
  const socket = new WebSocket(`${CRUCIBLE_URL.replace(/^http/, 'ws')}/api/v1/events/stream`, 'crucible.v1');
  const send = (message: object): void => socket.send(JSON.stringify(message));
  socket.addEventListener('open', () => send({ action: 'auth', key: KEY }));
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data));
    if (message.type === 'hello') console.log('connected');
    if (message.type === 'action')
      send({ action: 'result', run_id: message.run_id, outputs: count(message.inputs) });
    if (message.type === 'error') console.error(message.code, message.message);
  });
  socket.addEventListener('close', ({ code }) => code !== 1008 && setTimeout(connect, 1_000));
};
connect();
