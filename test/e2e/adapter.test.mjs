// Two servers on Node.js with the adapter, and an edge of the C++ library, on one
// broker: each reaches the clients, the sockets and the servers of the others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdapterCluster, ask, hears } from "./adapter_cluster.mjs";
import { withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const cluster = new AdapterCluster();
await cluster.startBroker();
await cluster.addServer("js-a");
await cluster.addServer("js-b");
await cluster.addEdge("cpp");

async function connectAll(count = cluster.nodes.length) {
  const clients = await Promise.all(cluster.nodes.slice(0, count).map((_, i) => cluster.connect(i)));
  for (const client of clients) client.heard.length = 0;
  return clients;
}

function leave(clients) {
  for (const client of clients) client.disconnect();
}

// Until it holds `room`, a C++ edge hears nothing of it; a Node.js server may still
// be asking.
async function joinAll(clients, room) {
  await Promise.all(clients.map((client) => ask(client, "join", room)));
  for (const client of clients) {
    await until(async () => {
      await ask(clients[0], "emit", { to: [room] }, "are you there");
      return client.heard.some(([event]) => event === "are you there");
    }, "a room to be followed");
  }
  await ask(clients[0], "emit", { to: [room] }, "all are there");
  for (const client of clients) {
    await until(() => client.heard.at(-1)?.[0] === "all are there", "all to be there");
    client.heard.length = 0;
  }
}

test("broadcasts reach all servers, each client once, with every flag", async () => {
  const [ann, bob, cat] = await connectAll();
  await joinAll([ann, bob, cat], "x");
  await joinAll([bob, cat], "y");
  const bytes = { deep: [Buffer.from("bytes")], text: "ü" };
  await ask(ann, "emit", { to: ["x", "y"] }, "both", bytes);
  await ask(cat, "emit", { to: ["y", "x"] }, "both from C++", bytes);
  await ask(bob, "emit", { to: ["x"], broadcast: true }, "others");
  await ask(ann, "emit", { to: ["x"], except: ["y"] }, "not y");
  await ask(cat, "emit", { except: [bob.id] }, "not bob");
  await ask(ann, "emit", { to: [cat.id] }, "cat alone");
  await ask(cat, "emit", { to: [ann.id, bob.id, "y"] }, "everyone by name");
  await ask(ann, "emit", { to: ["nobody"] }, "nobody");
  await ask(ann, "emit", { local: true }, "local");
  for (const from of [ann, bob, cat]) await ask(from, "emit", {}, "end");
  for (const client of [ann, bob, cat]) {
    await until(() => client.heard.filter(([event]) => event === "end").length === 3, "the ends");
  }
  // What different servers said came in one order, but in whichever.
  const heard = (client) => client.heard.filter(([event]) => event !== "end").sort(([a], [b]) => (a < b ? -1 : 1));
  const both = [["both", bytes], ["both from C++", bytes]];
  assert.deepEqual(heard(ann), [...both, ["everyone by name"], ["local"], ["not bob"], ["not y"], ["others"]]);
  assert.deepEqual(heard(bob), [...both, ["everyone by name"]]);
  assert.deepEqual(heard(cat), [...both, ["cat alone"], ["everyone by name"], ["not bob"], ["others"]]);
  for (const from of [ann, cat]) {
    for (const client of [ann, bob, cat]) client.heard.length = 0;
    await ask(from, "emit", { volatile: true }, "volatile");
    await Promise.all([ann, bob, cat].map((client) => hears(client, 1)));
  }
  leave([ann, bob, cat]);
});

test("all clients of all servers hear everything in one order", async () => {
  const clients = await connectAll();
  await joinAll(clients, "order");
  const count = 300;
  await Promise.all(clients.flatMap((client, i) => Array.from({ length: count }, (_, n) =>
    ask(client, "emit", n % 3 === 0 ? {} : { to: ["order"] }, "said", i, n))));
  await Promise.all(clients.map((client) => hears(client, 3 * count)));
  assert.equal(clients[0].heard.length, 3 * count);
  assert.deepEqual(clients[1].heard, clients[0].heard);
  assert.deepEqual(clients[2].heard, clients[0].heard);
  for (let i = 0; i < 3; ++i) {
    const own = clients[0].heard.filter(([, from]) => from === i).map(([, , n]) => n);
    assert.deepEqual(own, Array.from({ length: count }, (_, n) => n));
  }
  leave(clients);
});

test("clients of all servers acknowledge a broadcast", async () => {
  const clients = await connectAll();
  await joinAll(clients, "acks");
  const names = ["ann", "bob", "cat"];
  clients.forEach((client, i) => client.on("question", (done) => done(names[i])));
  for (const asker of clients) {
    const [error, answers] = await ask(asker, "emit-with-ack", { to: ["acks"] }, "question");
    assert.equal(error, "");
    assert.deepEqual([...answers].sort(), names);
    assert.deepEqual(await ask(asker, "emit-with-ack", { to: ["nobody"] }, "question"), ["", []]);
    const [, two] = await ask(asker, "emit-with-ack", { to: [clients[0].id, clients[2].id] }, "question");
    assert.deepEqual([...two].sort(), ["ann", "cat"]);
  }
  clients[1].off("question");
  for (const asker of [clients[0], clients[2]]) {
    const [error, answers] = await ask(asker, "emit-with-ack", { to: ["acks"], timeout: 500 }, "question");
    assert.equal(error, "operation has timed out");
    assert.deepEqual([...answers].sort(), ["ann", "cat"]);
  }
  leave(clients);
});

test("sockets of the other servers are found, joined and disconnected", async () => {
  const clients = await connectAll();
  const [ann, bob, cat] = clients;
  await Promise.all([ask(bob, "join", "found"), ask(cat, "join", "found")]);
  for (const asker of clients) {
    const [error, found] = await ask(asker, "fetch", { to: ["found"] });
    assert.equal(error, "");
    const byId = new Map(found.map((socket) => [socket.id, socket]));
    assert.deepEqual([...byId.keys()].sort(), [bob.id, cat.id].sort());
    assert.deepEqual(byId.get(bob.id).data, { node: "js-b" });
    assert.deepEqual(byId.get(cat.id).data, { node: "cpp" });
    for (const { id, rooms, url } of found) {
      assert.deepEqual([...rooms].sort(), [id, "found"].sort());
      assert.match(url, /^\/socket\.io\/\?EIO=4&transport=websocket/);
    }
    const [, all] = await ask(asker, "fetch", {});
    assert.deepEqual(all.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort());
  }
  // What is said right after reaches who was joined.
  for (const [from, to] of [[ann, bob], [ann, cat], [cat, bob], [bob, ann]]) {
    to.heard.length = 0;
    for (let i = 0; i < 50; ++i) from.emit("join-and-emit", { to: [to.id] }, `fresh-${from.id}-${to.id}-${i}`, i);
    await hears(to, 50);
    // A C++ edge catches up on each room by itself.
    const heard = to.heard.map(([, i]) => i);
    if (to === cat) heard.sort((a, b) => a - b);
    assert.deepEqual(heard, Array.from({ length: 50 }, (_, i) => i));
  }
  await ask(cat, "sockets-leave", { to: [bob.id] }, ["found"]);
  await until(async () => !(await ask(bob, "rooms"))[0].includes("found"), "bob to leave");
  await ask(ann, "sockets-leave", { to: [cat.id] }, ["found"]);
  await until(async () => !(await ask(cat, "rooms"))[0].includes("found"), "cat to leave");
  for (const [from, to] of [[cat, bob], [ann, cat]]) {
    const left = new Promise((done) => to.once("disconnect", done));
    from.emit("disconnect-sockets", { to: [to.id] });
    assert.equal(await withTimeout(left, 20_000, "a socket to be disconnected"), "io server disconnect");
  }
  leave(clients);
});

test("servers talk to each other", async () => {
  const clients = await connectAll();
  const [ann, bob, cat] = clients;
  for (const [from, others] of [[ann, [[bob, "js-b"], [cat, "cpp"]]], [cat, [[ann, "js-a"], [bob, "js-b"]]]]) {
    for (const client of clients) client.heard.length = 0;
    from.emit("server-side-emit", "announce", { bytes: Buffer.from("news") });
    for (const [client, name] of others) {
      await hears(client, 1);
      assert.deepEqual(client.heard, [["announced", { bytes: Buffer.from("news") }, name]]);
    }
    assert.deepEqual(from.heard, []);
  }
  const answers = await Promise.all(clients.map((client) => ask(client, "server-side-ask", "who-are-you")));
  assert.deepEqual(answers.map(([error, names]) => [error, ...[...names].sort()]),
    [["", "cpp", "js-b"], ["", "cpp", "js-a"], ["", "js-a", "js-b"]]);
  for (const client of [ann, cat]) {
    assert.deepEqual(await ask(client, "server-side-ask", "say-nothing"),
      ["timeout reached: only 0 responses received out of 2", []]);
  }
  assert.deepEqual(await ask(ann, "server-count"), ["", 3]);
  leave(clients);
});

test("namespaces are apart, those that a pattern takes as well", async () => {
  const [ann, bob] = await connectAll(2);
  for (const path of ["/chat", "/dynamic-1"]) {
    const [abe, bea] = await Promise.all([cluster.connect(0, path), cluster.connect(1, path)]);
    await joinAll([abe, bea], "x");
    ann.heard.length = bob.heard.length = 0;
    await ask(abe, "emit", { to: ["x"] }, "hi", path);
    await hears(bea, 1);
    assert.deepEqual(bea.heard, [["hi", path]]);
    const [, found] = await ask(bea, "fetch", {});
    assert.deepEqual(found.map(({ id }) => id).sort(), [abe.id, bea.id].sort());
    await ask(ann, "emit", {}, "end");
    await hears(bob, 1);
    assert.deepEqual(bob.heard, [["end"]]);
    leave([abe, bea]);
  }
  leave([ann, bob]);
});

test("a room keeps what was published, and tells it on every server", async () => {
  const clients = await connectAll();
  const [ann, bob, cat] = clients;
  const offsets = [];
  for (let i = 0; i < 5; ++i) {
    const [error, offset, duplicate] = await ask(clients[i % 3], "publish", "log", "m", { i }, `id${i}`);
    assert.deepEqual([error, duplicate], [null, false]);
    offsets.push(offset);
  }
  assert.deepEqual(await ask(ann, "publish", "log", "m", "again", "id3"), [null, offsets[3], true]);
  await ask(ann, "emit", { to: ["log"] }, "emitted", 1);

  const events = offsets.map((offset, i) => ({ event: "m", args: [{ i }], id: `id${i}`, offset }));
  const page = async (options) => {
    const [error, { events, more }] = await ask(bob, "history", "log", options);
    assert.equal(error, "");
    return [events.map(({ time, ...rest }) => (assert.ok(Math.abs(time - Date.now()) < 60_000), rest)), more];
  };
  assert.deepEqual(await page({}), [events, false]);
  assert.deepEqual(await page({ last: 2 }), [events.slice(3), true]);
  assert.deepEqual(await page({ after: offsets[1], limit: 2 }), [events.slice(2, 4), true]);
  assert.deepEqual(await page({ before: offsets[2], limit: 1 }), [events.slice(1, 2), true]);
  assert.deepEqual(await page({ since: 1 }), [events, false]);
  assert.equal((await page({ broadcasts: true }))[0].at(-1).event, "emitted");
  const [error] = await ask(bob, "history", "log", { after: "nonsense" });
  assert.match(error, /not an offset/);

  for (const [client, options, want] of [
    [ann, { last: 3 }, [3, 4]], // And what was emitted.
    [bob, { after: offsets[3] }, [4]],
    [cat, { last: 3 }, [3, 4]],
  ]) {
    client.heard.length = 0;
    const [refused, replayed] = await ask(client, "join", "log", options);
    assert.equal(refused, null);
    assert.equal(replayed, want.length + 1);
    assert.deepEqual(client.heard.map(([event, data, meta, offset]) => [event, data.i ?? data, meta?.id, offset]),
      [...want.map((i) => ["m", i, `id${i}`, offsets[i]]), ["emitted", 1, undefined, undefined]]);
  }
  leave(clients);
});

test("a replay meets what is said live with no seam", async () => {
  const [ann, bob] = await connectAll(2);
  const count = 400;
  const publishing = (async () => {
    for (let i = 0; i < count; ++i) await ask(ann, "publish", "seam", "m", i, "");
  })();
  await until(async () => (await ask(bob, "history", "seam", {}))[1].events.length >= 5, "some events");
  for (let i = 0; i < 5; ++i) {
    bob.heard.length = 0;
    const [refused] = await ask(bob, "join", "seam", { start: true });
    assert.equal(refused, null);
    const heard = bob.heard.map(([, n]) => n);
    assert.deepEqual(heard, Array.from({ length: heard.length }, (_, n) => n));
    await ask(bob, "leave", "seam");
  }
  bob.heard.length = 0;
  await ask(bob, "join", "seam", { start: true });
  await publishing;
  await hears(bob, count);
  assert.deepEqual(bob.heard.map(([, n]) => n), Array.from({ length: count }, (_, n) => n));
  leave([ann, bob]);
});

test("who listens to outgoing events gets them decoded", async () => {
  const [ann] = await connectAll(1);
  ann.emit("watch-outgoing");
  await ask(ann, "emit", {}, "hello", { bytes: Buffer.from("x") });
  await until(() => ann.heard.some(([event]) => event === "outgoing"), "an outgoing event");
  assert.deepEqual(ann.heard.find(([event]) => event === "outgoing"),
    ["outgoing", ["hello", { bytes: Buffer.from("x") }]]);
  leave([ann]);
});

test("a server that is killed is not waited for once its lease is over", async () => {
  const [ann, bob, cat] = await connectAll();
  await cluster.nodes[1].kill();
  for (const client of [ann, cat]) {
    await until(async () => {
      const [error, found] = await ask(client, "fetch", { timeout: 1000 });
      return error === "" && found.length === 2;
    }, "the cluster to know");
  }
  leave([ann, bob, cat]);
});

test("a server that closes leaves nothing open, and is gone at once", async () => {
  const ann = await cluster.connect(2);
  await cluster.nodes[0].kill("SIGTERM").then(({ code }) => assert.equal(code, 0));
  const [error, found] = await ask(ann, "fetch", { timeout: 1000 });
  assert.equal(error, "");
  assert.deepEqual(found.map(({ id }) => id), [ann.id]);
  leave([ann]);
});
