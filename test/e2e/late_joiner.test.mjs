// What a room has said reaches everybody in one order: those who were there, on
// both nodes, and those who come later.
import assert from "node:assert/strict";
import { publishMany } from "./client.mjs";
import { story } from "./cluster.mjs";

story("a late joiner on either node reads what two nodes said, as all others heard it", async (cluster) => {
  const a = await cluster.client(0);
  const b = await cluster.client(1);
  for (const client of [a, b]) assert.ok((await client.join("lobby")).ok);

  await Promise.all([
    publishMany(a, "lobby", { prefix: "a", count: 300, depth: 20 }),
    publishMany(b, "lobby", { prefix: "b", count: 300, depth: 20 }),
  ]);
  const heard = await a.hears(600, "lobby");
  assert.deepEqual(await b.hears(600, "lobby"), heard, "the publishers' own nodes keep the one order too");

  for (const node of [0, 1]) {
    const late = await cluster.client(node);
    const answer = await late.join("lobby", { from: "start" });
    assert.deepEqual(answer, {
      ok: true, room: "lobby", offset: heard.at(-1).offset,
      replayed: heard.length, gap: null, heardBefore: heard.length,
    });
    assert.deepEqual(late.events, heard);

    await a.publish("lobby", "message", `live for ${node}`);
    const [last] = (await late.hears(heard.length + 1, "lobby")).slice(-1);
    assert.equal(last.data, `live for ${node}`);
    heard.push(last);
  }
});

story("an event arrives as it was published, with its room, id, time and offset", async (cluster) => {
  const a = await cluster.client(0);
  const b = await cluster.client(1);
  const room = "ein Raum, 部屋 \" \\ , [1]";
  await b.join(room);
  const begun = Date.now();
  const published = [
    ["text", "quotes \" and \\ and \u2028 and 😀", "id 1"],
    ["number", -1.5e300, "id-\"2\""],
    ["null", null, "3"],
    ["nested", { a: [1, [2, { b: [] }]], "": {} }, "4"],
    ["名前", [], undefined],
  ];
  for (const [name, data, id] of published) {
    const answer = await a.publish(room, name, data, id === undefined ? undefined : { id });
    assert.equal(answer.ok, true, JSON.stringify(answer));
    assert.equal(answer.duplicate, false);
    const [event] = (await b.hears(1, room)).splice(-1);
    b.events.length = 0;
    assert.deepEqual([event.name, event.data], [name, data]);
    assert.deepEqual(Object.keys(event.meta).sort(), ["id", "room", "time"]);
    assert.equal(event.meta.room, room);
    assert.equal(event.meta.id, id ?? null);
    assert.equal(event.offset, answer.offset);
    assert.ok(event.meta.time >= begun - 1000 && event.meta.time <= Date.now() + 1000, `time ${event.meta.time}`);
  }
  const { events } = await b.history(room, { limit: 10 });
  assert.deepEqual(
    events.reverse().map(({ event, data, meta }) => [event, data, meta.id]),
    published.map(([name, data, id]) => [name, data, id ?? null]),
  );
});

story("rooms and namespaces are apart", async (cluster) => {
  const main = await cluster.client(0);
  const other = await cluster.client(0, { namespace: "/other" });
  const elsewhere = await cluster.client(1, { namespace: "/other" });
  await main.join("lobby");
  await main.join("corner");
  await elsewhere.join("lobby");

  await main.publish("lobby", "message", 1);
  await other.publish("lobby", "message", 2);
  await main.publish("corner", "message", 3);

  assert.deepEqual((await elsewhere.hears(1, "lobby")).map(({ data }) => data), [2]);
  assert.deepEqual((await main.hears(1, "lobby")).map(({ data }) => data), [1]);
  assert.deepEqual((await main.hears(1, "corner")).map(({ data }) => data), [3]);
  const { events } = await other.history("lobby");
  assert.deepEqual(events.map(({ data }) => data), [2]);
});

story("who has left a room hears no more of it", async (cluster) => {
  const a = await cluster.client(0);
  await a.join("lobby");
  await a.join("corner");
  assert.deepEqual(await a.leave("lobby"), { ok: true });
  await a.publish("lobby", "message", "unheard");
  await a.publish("corner", "message", "heard");
  await a.hears(1, "corner"); // In the order of the log, so the other would have come.
  assert.deepEqual(a.in("lobby"), []);

  await a.join("lobby", { from: "start" });
  assert.deepEqual(a.in("lobby").map(({ data }) => data), ["unheard"]);
});
