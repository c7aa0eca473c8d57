// What is kept of users: changed on any node, the same on all, heard of by whoever
// watches, while nodes and the broker come and go.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const state = (client, user, options) => client.ask("user_state", options ? [user, options] : [user]);
const told = (client) => client.events.filter(({ name }) => name === "roomlog:user").map(({ data }) => data);

story("what one node is told of a user, every node knows, and in one order", async (cluster) => {
  const [anna, bob] = [await cluster.client(0, { auth: { user: "anna" } }), await cluster.client(1, { auth: { user: "bob" } })];
  assert.deepEqual(await state(bob, "anna"), { ok: true, user: "anna", state: null, version: null, expires: null });
  const watching = await state(bob, "anna", { watch: true });
  assert.deepEqual(watching, { ok: true, user: "anna", state: null, version: null, expires: null });

  const set = await state(anna, null, { set: { mood: "fine", at: { x: 1 } } }); // Her own.
  assert.ok(set.ok, JSON.stringify(set));
  assert.deepEqual(await state(bob, "anna"),
    { ok: true, user: "anna", state: { mood: "fine", at: { x: 1 } }, version: set.version, expires: null });
  const merged = await state(bob, "anna", { merge: { mood: null, at: { y: 2 } } });
  assert.deepEqual((await state(anna, "anna")).state, { at: { x: 1, y: 2 } });

  await until(() => told(bob).length === 2, "bob to hear of both changes");
  assert.deepEqual(told(bob), [
    { user: "anna", change: "set", state: { mood: "fine", at: { x: 1 } }, expires: null },
    { user: "anna", change: "merge", state: { at: { x: 1, y: 2 } }, expires: null }]);
  assert.deepEqual(bob.events.map(({ offset }) => offset), [set.version, merged.version]);

  assert.ok((await state(anna, "anna", { remove: true })).version);
  assert.deepEqual(await state(anna, "anna", { remove: true }), { ok: true, version: null });
  await until(() => told(bob).length === 3, "bob to hear that it is gone");
  assert.deepEqual(told(bob)[2], { user: "anna", change: "delete", state: null, expires: null });
  assert.equal((await state(bob, "anna", { watch: false })).state, null);
  await state(anna, "anna", { set: {} });
  await state(bob, "bob", { set: {} });
  assert.equal(told(bob).length, 3);
});

story("of changes that build on the same version one is made", async (cluster) => {
  const clients = [await cluster.client(0), await cluster.client(1)];
  const first = await state(clients[0], "counter", { set: { n: 0 }, version: null });
  assert.ok(first.ok);
  assert.equal((await state(clients[1], "counter", { set: { n: 9 }, version: null })).error.code, "conflict");
  // Each counts up twenty times; what is refused is tried again upon what there is then.
  let conflicts = 0;
  await Promise.all(clients.map(async (client) => {
    for (let done = 0; done < 20;) {
      const { state: { n }, version } = await state(client, "counter");
      const answer = await state(client, "counter", { set: { n: n + 1 }, version });
      if (answer.ok) done++;
      else assert.equal(answer.error.code, "conflict");
      conflicts += !answer.ok;
    }
  }));
  assert.equal((await state(clients[0], "counter")).state.n, 40);
  assert.ok(conflicts > 0, "they met");
});

story("a state ends when its time is over, and whoever watches is told", async (cluster) => {
  const [one, other] = [await cluster.client(0), await cluster.client(1)];
  await state(other, "anna", { watch: true });
  await state(one, "anna", { set: { typing: true }, ttl: 300 });
  const { state: there, expires } = await state(other, "anna");
  assert.ok(there === null || expires > Date.now() - 1000);
  await until(async () => (await state(one, "anna")).state === null, "it to be over");
  await until(() => told(other).length === 2, "the watcher to be told");
  assert.deepEqual(told(other).map(({ change }) => change), ["set", "expire"]);
});

story("a state outlives the broker, and a watcher misses no change", async (cluster) => {
  const [one, watcher] = [await cluster.client(0), await cluster.client(1)];
  await state(one, "anna", { set: { n: 0 } });
  const from = await state(watcher, "anna", { watch: true });
  assert.deepEqual(from.state, { n: 0 });
  const changes = [];
  for (let n = 1; n <= 30; n++) {
    changes.push(state(one, "anna", { merge: { n } }));
    if (n === 10) await cluster.broker.kill("SIGKILL");
    if (n === 20) await cluster.broker.start([`--listen=${cluster.brokerAddress}`]);
  }
  for (const answer of await Promise.all(changes)) assert.ok(answer.ok, JSON.stringify(answer));
  await until(() => told(watcher).length === 30, "all changes to be heard");
  assert.deepEqual(told(watcher).map(({ state: { n } }) => n), Array.from({ length: 30 }, (_, i) => i + 1));
  assert.deepEqual((await state(watcher, "anna")).state, { n: 30 });
});

story("a watcher that was cut off hears what it missed", async (cluster) => {
  const [one, watcher] = [await cluster.client(0), await cluster.client(1)];
  await state(watcher, "anna", { watch: true });
  await state(one, "anna", { set: { n: 1 } });
  await until(() => told(watcher).length === 1, "the first change");
  watcher.socket.io.reconnection(false);
  watcher.socket.io.engine.close();
  await until(() => !watcher.socket.connected, "the watcher to be cut off");
  await state(one, "anna", { set: { n: 2 } });
  watcher.socket.io.uri = cluster.edges[0].address; // On another node.
  watcher.socket.connect();
  await watcher.connected();
  assert.ok(watcher.socket.recovered);
  await state(one, "anna", { set: { n: 3 } });
  await until(() => told(watcher).length === 3, "the rest");
  assert.deepEqual(told(watcher).map(({ state: { n } }) => n), [1, 2, 3]);
});

story("what is no state is refused", async (cluster) => {
  const client = await cluster.client(0);
  const refused = [
    [["anna", { set: [1] }], "bad_request"],
    [["anna", { set: null }], "bad_request"],
    [["anna", { set: {}, merge: {} }], "bad_request"],
    [["anna", { set: {}, watch: true }], "bad_request"],
    [["anna", { remove: false }], "bad_request"],
    [["anna", { version: null }], "bad_request"],
    [["anna", { set: {}, version: "x" }], "bad_offset"],
    [["anna", { set: {}, ttl: 0 }], "bad_request"],
    [["anna", { put: {} }], "bad_request"],
    [["anna", { set: { text: "x".repeat(65_536) } }], "too_large"],
    [["u".repeat(250)], "bad_request"],
    [[""], "bad_request"],
    [[7], "bad_request"],
    [[], "bad_request"], // Nobody knows whose socket it is.
  ];
  for (const [parts, code] of refused) {
    const answer = await client.ask("user_state", parts);
    assert.equal(answer.error?.code, code, JSON.stringify([parts, answer]).slice(0, 200));
  }
  // Nor does anybody get at it another way.
  assert.equal((await client.join("$roomlog/user/anna")).error.code, "bad_room");
  assert.equal((await client.publish("$roomlog/user/anna", "roomlog:user", {})).error.code, "bad_room");
  assert.equal((await client.history("$roomlog/user/anna")).error.code, "bad_room");
});
