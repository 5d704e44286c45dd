// Prints every event of memories, from the first one on: `CRUCIBLE_URL=… KEY=… node examples/stream/watch.ts`.
const { CRUCIBLE_URL = 'http://127.0.0.1:8080', KEY = '' } = process.env;
let after = 0;

const connect = (): void => {
  const socket = new WebSocket(`${CRUCIBLE_URL.replace(/^http/, 'ws')}/api/v1/events/stream`, 'crucible.v1');
  const send = (message: object): void => socket.send(JSON.stringify(message));
  socket.addEventListener('open', () => send({ action: 'auth', key: KEY }));
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data));
    if (message.type === 'hello') send({ action: 'subscribe', filters: [{ event_type: 'memory.*' }], after });
    if (message.type === 'event') console.log(message.event.position, message.event.type);
    if (message.type === 'error') console.error(message.code, message.message);
    after = message.event?.position ?? message.position ?? after;
  });
  socket.addEventListener('close', ({ code }) => code !== 1008 && setTimeout(connect, 1_000));
};
connect();
