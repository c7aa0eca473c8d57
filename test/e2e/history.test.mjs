// Where a join may begin, and how history is paged, at the exact boundaries.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";

// Twenty events in "lobby", with others between them, so that the offsets of a
// room are not dense. Says the room's events and one offset of the other room.
async function twentyEvents(cluster) {
  const writer = await cluster.client(0);
  const between = [];
  for (let i = 0; i < 20; i++) {
    assert.ok((await writer.publish("lobby", "message", i)).ok);
    between.push((await writer.publish("elsewhere", "message", i)).offset);
  }
  const reader = await cluster.client(1);
  const { events, more } = await reader.history("lobby", { limit: 20 });
  assert.equal(more, false);
  return { events: events.reverse(), between, reader };
}

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

story("a join begins where it is asked to", async (cluster, t) => {
  const { events, between } = await twentyEvents(cluster);
  const at = (i) => events[i].offset;
  const cases = [
    ["nothing asked", undefined, []],
    ["no options", {}, []],
    ["the last none", { last: 0 }, []],
    ["the last one", { last: 1 }, [19]],
    ["the last five", { last: 5 }, numbers(15, 20)],
    ["the last of exactly all", { last: 20 }, numbers(0, 20)],
    ["more than there are", { last: 21 }, numbers(0, 20)],
    ["after the first", { after: at(0) }, numbers(1, 20)],
    ["after one in the middle", { after: at(9) }, numbers(10, 20)],
    ["after the last but one", { after: at(18) }, [19]],
    ["after the last", { after: at(19) }, []],
    ["after an offset of another room", { after: between[9] }, numbers(10, 20)],
    ["from the start", { from: "start" }, numbers(0, 20)],
    ["since the beginning of time", { since: 0 }, numbers(0, 20)],
    ["since the last's own time", { since: events[19].meta.time },
      events.filter(({ meta }) => meta.time >= events[19].meta.time).map(({ data }) => data)],
    ["since the middle's own time", { since: events[10].meta.time },
      events.filter(({ meta }) => meta.time >= events[10].meta.time).map(({ data }) => data)],
    ["since tomorrow", { since: Date.now() + 86_400_000 }, []],
  ];
  for (const node of [0, 1]) {
    for (const [name, options, want] of cases) {
      await t.test(`${name}, on node ${node}`, async () => {
        const joiner = await cluster.client(node);
        const answer = await joiner.join("lobby", options);
        assert.deepEqual(joiner.events.map(({ data }) => data), want);
        assert.deepEqual(answer, {
          ok: true, room: "lobby", offset: answer.offset, replayed: want.length, gap: null, heardBefore: want.length,
        });
      });
    }
  }
  await t.test("a room that nobody has used", async () => {
    for (const options of [undefined, { last: 5 }, { from: "start" }, { since: 0 }]) {
      const joiner = await cluster.client(1);
      const { ok, replayed, gap, offset } = await joiner.join(`unused ${JSON.stringify(options)}`, options);
      assert.deepEqual({ ok, replayed, gap }, { ok: true, replayed: 0, gap: null });
      assert.equal(typeof offset, "string");
      const again = await joiner.join(`unused ${JSON.stringify(options)}`, { after: offset });
      assert.deepEqual({ ok: again.ok, replayed: again.replayed, gap: again.gap }, { ok: true, replayed: 0, gap: null });
    }
  });
});

story("a page holds exactly what was asked for, both ways", async (cluster, t) => {
  const { events, reader } = await twentyEvents(cluster);
  const at = (i) => events[i].offset;
  const backward = (from, to) => numbers(from, to).reverse();
  const cases = [
    ["the newest five", { limit: 5 }, backward(15, 20), true],
    ["one less than all", { limit: 19 }, backward(1, 20), true],
    ["exactly all", { limit: 20 }, backward(0, 20), false],
    ["more than all", { limit: 21 }, backward(0, 20), false],
    ["no limit named", {}, backward(0, 20), false],
    ["no options", undefined, backward(0, 20), false],
    ["before the last", { before: at(19), limit: 5 }, backward(14, 19), true],
    ["before the sixth, exactly the rest", { before: at(5), limit: 5 }, backward(0, 5), false],
    ["before the sixth, one less", { before: at(5), limit: 4 }, backward(1, 5), true],
    ["before the second", { before: at(1), limit: 5 }, [0], false],
    ["before the first", { before: at(0), limit: 5 }, [], false],
    ["after the first", { after: at(0), limit: 5 }, numbers(1, 6), true],
    ["after the fifteenth, exactly the rest", { after: at(14), limit: 5 }, numbers(15, 20), false],
    ["after the fifteenth, one less", { after: at(14), limit: 4 }, numbers(15, 19), true],
    ["after the last but one", { after: at(18), limit: 5 }, [19], false],
    ["after the last", { after: at(19), limit: 5 }, [], false],
    ["a page of one", { after: at(3), limit: 1 }, [4], true],
  ];
  for (const [name, options, want, more] of cases) {
    await t.test(name, async () => {
      const answer = await reader.history("lobby", options);
      assert.equal(answer.ok, true, JSON.stringify(answer));
      assert.deepEqual(answer.events.map(({ data }) => data), want);
      assert.equal(answer.more, more);
      for (const event of answer.events) assert.deepEqual(event, events[event.data]);
    });
  }

  for (const size of [1, 3, 7, 10, 20]) {
    await t.test(`pages of ${size} meet without a seam, both ways`, async () => {
      for (const [key, want] of [["before", backward(0, 20)], ["after", numbers(1, 20)]]) {
        const read = [];
        let options = { limit: size, ...(key === "after" && { after: at(0) }) };
        for (let more = true; more; ) {
          const page = await reader.history("lobby", options);
          read.push(...page.events.map(({ data }) => data));
          ({ more } = page);
          assert.ok(!more || page.events.length > 0, "a page that promises more is not empty");
          if (more) options = { limit: size, [key]: page.events.at(-1).offset };
        }
        assert.deepEqual(read, want, key);
      }
    });
  }
});

story("a room keeps what its retention says and tells of the rest", {
  brokerFlags: ["--retention=/:brief-*=events:10"],
}, async (cluster) => {
  const writer = await cluster.client(0);
  const offsets = [];
  for (let i = 0; i < 100; i++) offsets.push((await writer.publish("brief-1", "message", i)).offset);
  for (let i = 0; i < 100; i++) await writer.publish("long", "message", i);

  const joiner = await cluster.client(1);
  const { replayed, gap } = await joiner.join("brief-1", { after: offsets[0] });
  // It keeps at least ten, and for a while a few more; never one from the middle.
  const kept = joiner.in("brief-1").map(({ data }) => data);
  assert.ok(kept.length >= 10, `kept ${kept.length}`);
  assert.deepEqual(kept, numbers(100 - kept.length, 100));
  assert.equal(replayed, kept.length);
  if (kept[0] > 1) assert.equal(gap?.reason, "retention");
  else assert.equal(gap, null);

  const other = await joiner.join("long", { from: "start" });
  assert.deepEqual([other.replayed, other.gap], [100, null], "a busy room does not shorten another");
});
