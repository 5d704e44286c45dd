/** `npm run test:crash -- [--rounds 200] [--seed N]`: SIGKILL rounds under load, by hand. */
import { parseArgs } from 'node:util';
import { crashRounds } from './rounds.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string' } },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error('--rounds and --seed are whole numbers; rounds at least 1');
  process.exit(2);
}

console.log(`seed ${seed}`);
const report = await crashRounds({ rounds, seed, say: console.log });
const repeated = [...report.deliveries.values()].filter((times) => times > 1).length;
console.log(
  `${report.acknowledged} acknowledged of ${report.sent}; ${report.events} events, ${report.runs} runs; ${repeated} deliveries were sent more than once, under one id`,
);
for (const fault of report.faults) console.error(fault);
console.log(
  report.faults.length === 0
    ? 'nothing lost, no gap, no run twice'
    : `${report.faults.length} faults; again with --seed ${seed}`,
);
process.exitCode = report.faults.length === 0 ? 0 : 1;
