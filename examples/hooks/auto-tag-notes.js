// How often a word must be used to say what a note is about, and how long it must be.
const LEAST_USES = 3;
const LEAST_LENGTH = 5;

const COMMON = new Set(
  `about above after again against because become before being below between could during every first further having
  itself never often other others rather shall should since still their theirs themselves there these thing things
  those three through together under until usually where which while whole within without would`.split(/\s+/),
);

/** Code says how, not what about. */
const proseOf = (text) => text.replace(/```[\s\S]*?```/g, ' ').replace(/`[^`\n]*`/g, ' ');

const asTag = (word) => `#${word.replace(/^#/, '').toLowerCase()}`;

const writtenTags = (text) =>
  [...text.matchAll(/(?:^|\s)#([\p{L}\d][\p{L}\d_/-]*)/gu)].map(([, tag]) => asTag(tag));

const frequentWords = (text, most) => {
  const uses = new Map();
  for (const [word] of text.toLowerCase().matchAll(/\p{L}[\p{L}-]*\p{L}/gu)) {
    if (word.length >= LEAST_LENGTH && !COMMON.has(word)) uses.set(word, (uses.get(word) ?? 0) + 1);
  }
  return [...uses]
    .filter(([, count]) => count >= LEAST_USES)
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([word]) => asTag(word));
};

export default async function autoTag({ event, inputs }, crucible) {
  const { title = '', text = '', tags = [] } = event.payload;
  const prose = proseOf(text);
  const found = [
    ...new Set([...tags.map(asTag), ...writtenTags(prose), ...frequentWords(prose, inputs.most)]),
  ];
  crucible.log(`${title}: ${found.join(' ') || 'nothing found'}`);
  return { output: { tags: found } };
}
