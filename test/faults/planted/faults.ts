/** A mistake that someone could make in the product, and the tests that then fail. */
export interface PlantedFault {
  readonly name: string;
  /** `find` stands in the file exactly once. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly instead: string }[];
  readonly red: readonly { readonly file: string; readonly test: string }[];
}

const NO_SWEEPER = {
  file: 'src/main/open-dispatch.ts',
  find: 'sweeper.tick, logger',
  instead: '() => Promise.resolve(0), logger',
};

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    name: 'no sweeper',
    edits: [NO_SWEEPER],
    red: [
      {
        file: 'test/workflow/sweeper.test.ts',
        test: 'a server settles the run whose workflow an operator has terminated',
      },
    ],
  },
  {
    name: 'neither sweeper nor catching up at the start',
    edits: [NO_SWEEPER, { file: 'src/main/open-dispatch.ts', find: 'starter.catchUp();', instead: '' }],
    red: [
      {
        file: 'test/faults/killed.test.ts',
        test: 'between a commit and the start of its runs: they are started, once',
      },
    ],
  },
  {
    name: 'acknowledged before the commit',
    edits: [
      {
        file: 'src/log/append-loop.ts',
        find: 'await withDeadline(store.commit(batch), limits.commitTimeoutMs);',
        instead: 'store.commit(batch).catch(() => undefined);',
      },
    ],
    red: [
      {
        file: 'src/log/append-loop.test.ts',
        test: 'an unknown outcome in the embedded store refuses everything and is told once',
      },
      {
        file: 'test/contract/log/sigkill.test.ts',
        test: 'killed while it appends and opened again: everything acknowledged is there, whole, and without a gap',
      },
    ],
  },
  {
    name: 'a change is written although the one that it was decided upon was not',
    edits: [
      {
        file: 'src/log/group.ts',
        find: "ticket.outcome === 'written' || written.has(ticket)",
        instead: "ticket.outcome !== 'written' || written.size >= 0",
      },
    ],
    red: [
      {
        file: 'src/log/founded.test.ts',
        test: 'is refused with it, and so is all that follows from it, and nothing else',
      },
      {
        file: 'src/state/writer.property.test.ts',
        test: 'changes at once come to what they come to one after another',
      },
    ],
  },
  {
    name: 'a decision reads by index past what is under way',
    edits: [
      {
        file: 'src/log/decision.ts',
        find: 'const pending = underWay.rows(table);',
        instead: 'const pending = underWay.rows(table).slice(0, 0);',
      },
    ],
    red: [
      {
        file: 'src/log/decision.test.ts',
        test: 'reads over requests under way answer as if all of them were written, however many of them are',
      },
      {
        file: 'src/state/writer.property.test.ts',
        test: 'changes at once come to what they come to one after another',
      },
    ],
  },
  {
    name: 'an old epoch may write',
    edits: [
      {
        file: 'src/surreal/statements.ts',
        find: '(SELECT VALUE epoch FROM ONLY log_head:main) != $epoch',
        instead: '(SELECT VALUE epoch FROM ONLY log_head:main) < $epoch',
      },
    ],
    red: [
      {
        file: 'test/contract/log/embedded.test.ts',
        test: 'an old epoch can neither commit nor renew, and leaves no trace',
      },
    ],
  },
  {
    name: "the log's time follows the clock back",
    edits: [
      { file: 'src/log/append-loop.ts', find: 'Math.max(clock.now(), lastTimeMs)', instead: 'clock.now()' },
    ],
    red: [
      { file: 'src/log/append-loop.test.ts', test: 'times never go back, whatever the clock does' },
      {
        file: 'test/faults/clock-jumps.test.ts',
        test: 'a clock that jumps an hour either way moves no position and no time back, and delays no run',
      },
    ],
  },
  {
    name: 'idempotency keys are written and never looked at',
    edits: [
      {
        file: 'src/log/repeats.ts',
        find: 'if (record === undefined ||',
        instead: 'if (record === undefined || record.created_at > 0 ||',
      },
    ],
    red: [
      {
        file: 'test/faults/killed.test.ts',
        test: 'after a commit and before its answer: the same key gives the same ids, and nothing stands twice',
      },
    ],
  },
  {
    name: 'no loop guard',
    edits: [
      { file: 'src/dispatch/new-run.ts', find: 'event.depth > MAX_DEPTH', instead: 'event.depth > 1_000' },
    ],
    red: [{ file: 'test/e2e/hook.e2e.test.ts', test: 'ends at depth 8 when it reacts to itself' }],
  },
  {
    name: 'a recorded attempt is made again',
    edits: [
      { file: 'src/dispatch/attempts.ts', find: 'if (before !== undefined) return before;', instead: '' },
    ],
    red: [{ file: 'src/dispatch/dispatch.test.ts', test: 'never executes a recorded attempt again' }],
  },
  {
    name: 'anybody may record for a line',
    edits: [
      {
        file: 'src/dispatch/attempts.ts',
        find: '...(ask.claim === undefined ? [] : [ask.claim.guard]),',
        instead: '',
      },
      { file: 'src/dispatch/attempts.ts', find: 'ask.claim?.lost() === true', instead: 'ask.attempt < 0' },
    ],
    red: [
      {
        file: 'src/dispatch/drain-work.test.ts',
        test: 'is refused the record of an action that was under way when the line was taken over',
      },
      {
        file: 'src/dispatch/claim.property.test.ts',
        test: 'whatever happens, no run is claimed or ended twice, none is forgotten, and those of a target begin in order',
      },
    ],
  },
  {
    name: 'a delivery is given up, and so repeated, when the ledger has no room for it',
    edits: [
      {
        file: 'src/dispatch/attempts.ts',
        find: 'await deps.sleep(pauseMs, signal);',
        instead: 'throw error;',
      },
    ],
    red: [
      {
        file: 'test/faults/ledger-full.test.ts',
        test: 'a delivery that the ledger has no room for at first is recorded later, and not sent again',
      },
    ],
  },
  {
    name: 'a webhook-id of its own for each attempt',
    edits: [
      {
        file: 'src/webhooks/request.ts',
        find: 'const id = messageIdOf(run.id);',
        instead: 'const id = messageIdOf(crypto.randomUUID());',
      },
    ],
    red: [
      {
        file: 'test/faults/killed.test.ts',
        test: 'after a delivery was sent and before it was recorded: it is sent again under the same webhook-id',
      },
    ],
  },
  {
    name: 'the process ends before its last answers',
    edits: [
      {
        file: 'src/main/crucible.ts',
        find: 'lastAnswers = () => http.close(LAST_ANSWERS_MS);',
        instead: '',
      },
    ],
    red: [
      {
        file: 'test/faults/disk-full.test.ts',
        test: 'a disk that is full is told as 503, and the server is back when there is room, with all it acknowledged',
      },
    ],
  },
  {
    name: 'a revoked key works on',
    edits: [
      {
        file: 'src/access/key-ring.ts',
        find: "throw refuse('The API key was revoked', 'Ask an administrator for a new one.');",
        instead: 'void refuse;',
      },
    ],
    red: [
      {
        file: 'src/access/keys.test.ts',
        test: 'is dead when its revocation is acknowledged, and whoever holds a connection is told',
      },
    ],
  },
  {
    name: 'the algorithms of tokens are not pinned',
    edits: [{ file: 'src/access/tokens.ts', find: 'algorithms: [...rules.algorithms],', instead: '' }],
    red: [
      {
        file: 'src/access/tokens.test.ts',
        test: 'a token by an algorithm that is not pinned is refused, also with a good key',
      },
    ],
  },
  {
    name: 'a permission on one thing opens all of its kind',
    edits: [
      {
        file: 'src/access/grants.ts',
        find: '(id !== undefined && grants.limited.get(permission)?.has(id) === true)',
        instead: 'grants.limited.has(permission)',
      },
    ],
    red: [{ file: 'src/access/grants.test.ts', test: 'a permission on one thing opens that thing only' }],
  },
  {
    name: 'an old title is told',
    edits: [{ file: 'src/memory/writes.ts', find: 'title: after.title,', instead: 'title: card.title,' }],
    red: [
      {
        file: 'test/agreement/agreement.test.ts',
        test: 'state and events never disagree, whatever is done at once',
      },
    ],
  },
  {
    name: 'a touched file has a new time and nobody is told',
    edits: [
      {
        file: 'src/files/change.ts',
        find: '[patch(action.known, { stamp: action.found.stamp }, nowMs)] };',
        instead: '[patch(action.known, seenOf(action.found), nowMs)] };',
      },
    ],
    red: [
      {
        file: 'test/agreement/agreement.test.ts',
        test: 'state and events never disagree, whatever is done at once',
      },
    ],
  },
  {
    name: 'who follows answers when it does not know any more what holds',
    edits: [
      {
        file: 'src/log/following/followed-log.ts',
        find: 'session.ended() ?? (closed ? closedError() : undefined)',
        instead: 'closed ? closedError() : undefined',
      },
    ],
    red: [
      {
        file: 'src/log/following/followed-log.test.ts',
        test: 'lasts while the one that writes gives a sign each second, and is over five seconds after the last one',
      },
    ],
  },
  {
    name: 'who follows shows rows whose commit is not acknowledged yet',
    edits: [
      {
        file: 'src/log/following/followed-log.ts',
        find: 'if (batch !== null)',
        instead: "if (batch === '')",
      },
    ],
    red: [
      {
        file: 'src/log/following/followed-log.test.ts',
        test: 'waits for the commit that the store shows already, and so for its event',
      },
    ],
  },
  {
    name: 'who follows goes on from now when it was cut off',
    edits: [
      {
        file: 'src/log/following/feed-session.ts',
        find: 'received === undefined ? undefined : { after: received }',
        instead: 'undefined',
      },
    ],
    red: [
      {
        file: 'src/log/following/followed.property.test.ts',
        test: 'followers are told of what the one that writes has committed, each commit once, in order',
      },
    ],
  },
  {
    name: 'what is sent twice is appended twice',
    edits: [
      {
        file: 'src/log/following/sent-appends.ts',
        find: 'if (known !== undefined) return known.answer;',
        instead: '',
      },
    ],
    red: [
      {
        file: 'src/log/following/sent-appends.test.ts',
        test: 'is appended once for each id, sent twice at a time or later; its answer names the commit',
      },
      {
        file: 'src/log/following/followed.property.test.ts',
        test: 'followers are told of what the one that writes has committed, each commit once, in order',
      },
    ],
  },
  {
    name: 'what is sent on is answered before it can be read',
    edits: [
      {
        file: 'src/http/forward.ts',
        find: 'await seen(from.headers[sequenceHeader]);',
        instead: '',
      },
    ],
    red: [
      {
        file: 'src/http/forward.test.ts',
        test: 'waits until this server has seen it, and says nothing of how that is known',
      },
    ],
  },
  {
    name: 'whoever is asked decides',
    edits: [
      {
        file: 'router/routes.ts',
        find: "definitionOf(procedure).type === 'mutation' ||",
        instead: '',
      },
    ],
    red: [
      {
        file: 'router/router.test.ts',
        test: 'it answers these, and sends on all others: a new one is one or the other, and stands here',
      },
      {
        file: 'src/http/forward.test.ts',
        test: 'is done by the server that writes, as if it had come there, and answered as it answers',
      },
    ],
  },
  {
    name: 'who follows acts by itself',
    edits: [
      {
        file: 'src/main/open-services.ts',
        find: 'following ? unheard(log) : log',
        instead: 'log',
      },
    ],
    red: [
      {
        file: 'src/main/open-services.test.ts',
        test: 'those of a server that follows do nothing by themselves, when those of the one that writes do',
      },
    ],
  },
  {
    name: 'agents are talked with by whichever server they found',
    edits: [
      {
        file: 'src/stream/connection.ts',
        find: 'deps.relay !== undefined && takesActions(who)',
        instead: 'deps.relay !== undefined && who.source.kind === undefined',
      },
    ],
    red: [
      {
        file: 'src/stream/relay.test.ts',
        test: 'ends for that server when the client leaves',
      },
    ],
  },
  {
    name: 'a drain sleeps over what has joined its line',
    edits: [
      {
        file: 'src/dispatch/drain-lines.ts',
        find: 'drains.sleep(target, mark, nextAt)',
        instead: 'drains.sleep(target, drains.mark(target), nextAt)',
      },
    ],
    red: [
      {
        file: 'src/dispatch/drain-lines.test.ts',
        test: 'works each run once, in order, and none that joins is forgotten, however late it is told of it',
      },
    ],
  },
  {
    name: 'an endpoint that a worker disables is matched on',
    edits: [
      {
        file: 'src/webhooks/disable.ts',
        find: 'if (touches !== true) return log.append(request);',
        instead: 'if (touches !== undefined) return log.append(request);',
      },
    ],
    red: [
      {
        file: 'test/integration/worker-deliveries.test.ts',
        test: 'disables an endpoint that is gone, from the very next event on',
      },
    ],
  },
];
