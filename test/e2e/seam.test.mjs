// Joining while others talk: the history, the answer and the live events meet,
// and not one is lost or comes twice where they do.
import assert from "node:assert/strict";
import { publishMany } from "./client.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kPublishes = 6_000;
const kJoiners = 40;

// Draws the same numbers on each run, 0 <= n < 1.
function* draws(seed) {
  for (;;) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    yield seed / 2 ** 31;
  }
}

story("joiners at any moment of a burst hear all from where they began, once", async (cluster) => {
  const random = draws(7);
  const draw = () => random.next().value;
  const publishers = [await cluster.client(0), await cluster.client(1)];
  const whole = await cluster.client(0);
  await whole.join("lobby");

  let stored = 0;
  const publishing = Promise.all(publishers.map((publisher, i) =>
    publishMany(publisher, "lobby", { prefix: `${i}-`, count: kPublishes / 2, depth: 40, onStored: () => stored++ })));

  const joined = Array.from({ length: kJoiners }, async (_, i) => {
    const startAt = Math.floor(draw() * kPublishes * 0.9) + 1;
    const kind = ["none", "last", "after", "since", "from"][i % 5];
    const share = draw();
    const client = await cluster.client(i % 2);
    await until(() => stored >= startAt && whole.events.length > 0, "its moment", 60_000);
    const known = whole.events[Math.floor(share * whole.events.length)];
    const options = {
      none: undefined,
      last: { last: Math.floor(share * 100) },
      after: { after: known.offset },
      since: { since: known.meta.time },
      from: { from: "start" },
    }[kind];
    const answer = await client.join("lobby", options);
    return { client, options, answer, kind, known };
  });
  await publishing;
  const all = await whole.hears(kPublishes, "lobby");
  const place = new Map(all.map(({ offset }, i) => [offset, i]));

  for (const { client, options, answer, kind, known } of await Promise.all(joined)) {
    const told = `${kind} ${JSON.stringify(options)} ${JSON.stringify(answer)}`;
    assert.equal(answer.ok, true, told);
    assert.equal(answer.gap, null, told);
    assert.equal(answer.heardBefore, answer.replayed, `history comes before the answer: ${told}`);
    const head = place.get(answer.offset);
    assert.notEqual(head, undefined, `the answer names an event: ${told}`);
    const begin = {
      none: () => head + 1,
      // What was the last when it was asked is no longer when it is answered.
      last: () => Math.min(place.get(client.events[0]?.offset) ?? head + 1, Math.max(0, head + 1 - options.last)),
      after: () => place.get(known.offset) + 1,
      since: () => all.findIndex(({ meta }) => meta.time >= known.meta.time),
      from: () => 0,
    }[kind]();
    const want = all.slice(begin);
    await until(() => client.events.length >= want.length, () => `${want.length} events, ${client.events.length} came: ${told}`);
    assert.deepEqual(client.events.map(({ offset }) => offset), want.map(({ offset }) => offset), told);
    assert.equal(answer.replayed, head + 1 - begin, told);
  }
});
