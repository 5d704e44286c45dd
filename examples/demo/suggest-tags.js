// Runs in the sandbox: no network, no files, no clock to speak of; JSON in, JSON out.
const TOPICS = {
  '#durability': ['durable', 'crash', 'recover', 'replay', 'fsync', 'journal'],
  '#security': ['attack', 'secret', 'signature', 'forgery', 'private address', 'hmac'],
  '#learning': ['remember', 'recall', 'repetition', 'flashcard', 'notes'],
  '#graphs': ['graph', 'node', 'edge', 'community', 'modularity'],
  '#distributed': ['replica', 'concurrent', 'retry', 'backoff', 'consensus', 'idempot'],
};

export default async function suggestTags(input, crucible) {
  const { title, text, tags } = input.event.payload;
  const words = `${title} ${text}`.toLowerCase();
  const suggested = Object.entries(TOPICS)
    .map(([tag, signs]) => [tag, signs.reduce((sum, sign) => sum + words.split(sign).length - 1, 0)])
    .filter(([tag, hits]) => hits >= 3 && !tags.includes(tag))
    .sort(([, a], [, b]) => b - a)
    .map(([tag]) => tag);
  crucible.log(`${title}: ${suggested.length === 0 ? 'nothing to add' : suggested.join(' ')}`);
  return { output: { suggested } };
}
