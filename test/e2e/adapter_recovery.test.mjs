// Clients that were cut off come back: on the same Node.js server, on another one, on an
// edge of the C++ library, and from there; also if the server that they had was killed.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { io } from "socket.io-client";
import { AdapterCluster, ask } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const kJsFlags = ["--recovery-window=120000"];
const kCppFlags = ["--recovery_window=2m"];

// The official client, which connects when it is told to, and where.
class Client {
  heard = []; // [event, ...arguments], and ["connect"] where that came.

  constructor(node, { transports = ["websocket"], path = "/" } = {}) {
    this.socket = io(new URL(path, node.address).href, {
      autoConnect: false, reconnection: false, forceNew: true, transports,
    });
    this.socket.on("connect", () => this.heard.push(["connect"]));
    this.socket.onAny((...event) => {
      if (event[0] !== "auth") this.heard.push(event);
    });
    clients.push(this);
  }

  async connect(node) {
    this.socket.io.uri = node.address;
    this.socket.connect();
    await until(() => this.socket.connected, "a client to connect");
    return this;
  }
  // Loses its connection, and knows that.
  async drop() {
    const gone = until(() => !this.socket.connected, "a client to be cut off");
    this.socket.io.engine.close();
    await gone;
  }
  ask(...event) {
    return ask(this.socket, ...event);
  }
  hears(name, count = 1) {
    return until(() => this.heard.filter(([event]) => event === name).length >= count,
      () => `${count} times ${name}; ${JSON.stringify(this.heard).slice(0, 500)}`);
  }
  // The names of the events since the last call, "connect" among them.
  take() {
    return this.heard.splice(0).map(([event]) => event);
  }
}

const clients = [];
after(() => clients.forEach(({ socket }) => socket.disconnect()));

const cluster = new AdapterCluster();
await cluster.startBroker();
const jsA = await cluster.addServer("js-a", ...kJsFlags);
const jsB = await cluster.addServer("js-b", ...kJsFlags);
const cpp = await cluster.addEdge("cpp", ...kCppFlags);

const connect = (node, options) => new Client(node, options).connect(node);

for (const [from, to] of [[jsA, jsA], [jsA, jsB], [jsA, cpp], [cpp, jsB]]) {
  for (const transports of [["websocket"], ["polling"]]) {
    test(`from ${from.name} to ${to.name} by ${transports}: what was missed comes, once and in order`, async () => {
      const room = `room-${from.name}-${to.name}-${transports}`;
      const ann = await connect(from, { transports });
      const ben = await connect(jsB);
      await ann.ask("join", room);
      await ben.ask("emit", { to: [room] }, "before", 1);
      await ann.hears("before");
      const { id } = ann.socket;
      await ann.drop();
      ann.take();
      for (let i = 0; i < 20; ++i) await ben.ask("emit", { to: [room] }, `missed-${i}`, { bytes: Buffer.from([i]) });
      await ben.ask("emit", { to: ["another"] }, "not-for-her");
      await ben.ask("emit", { to: [id] }, "for-her-alone");
      await ann.connect(to);
      assert.equal(ann.socket.recovered, true);
      assert.equal(ann.socket.id, id);
      await ben.ask("emit", { to: [room] }, "live");
      await ann.hears("live");
      assert.deepEqual(ann.take(),
        [...Array.from({ length: 20 }, (_, i) => `missed-${i}`), "for-her-alone", "connect", "live"]);
      assert.deepEqual((await ann.ask("rooms"))[0], [...(to === cpp ? [id] : []), room]);
      assert.deepEqual((await ann.ask("session"))[0].recovered, true);
    });
  }
}

test("comes back before it has heard anything", async () => {
  for (const to of [jsA, jsB, cpp]) {
    const ann = await connect(jsA);
    const { id } = ann.socket;
    await ann.drop();
    await ann.connect(to);
    assert.equal(ann.socket.recovered, true, to.name);
    assert.equal(ann.socket.id, id);
  }
});

test("comes back again and again, everywhere", async () => {
  const ann = await connect(jsA);
  const ben = await connect(jsB);
  await ann.ask("join", "again");
  const { id } = ann.socket;
  for (let i = 0; i < 18; ++i) {
    await ann.drop();
    if (i % 4) await ben.ask("emit", { to: ["again"] }, "n", i);
    await ann.connect([cpp, jsB, jsA][i % 3]);
    assert.equal(ann.socket.recovered, true, `${i}`);
    assert.equal(ann.socket.id, id);
  }
  const heard = ann.heard.filter(([event]) => event === "n").map(([, i]) => i);
  assert.deepEqual(heard, Array.from({ length: 18 }, (_, i) => i).filter((i) => i % 4));
});

test("what it alone was told is not lost, but for what is volatile or asks", async () => {
  for (const to of [jsB, cpp]) {
    const ann = await connect(jsA);
    // Nothing of it is read before the connection is gone.
    ann.socket.io.engine.transport.ws._socket.pause();
    ann.socket.emit("tell-me", "first", 1);
    ann.socket.emit("tell-me-volatile", "volatile", "text");
    ann.socket.emit("ask-me-later", "question", 3);
    ann.socket.emit("tell-me", "last", "text");
    const ben = await connect(jsA);
    await until(async () => {
      const [, found] = await ben.ask("fetch", { to: [ann.socket.id] });
      return found.length === 1;
    }, "the server to have heard all");
    await ann.drop();
    ann.take();
    await ann.connect(to);
    assert.equal(ann.socket.recovered, true);
    await ann.ask("session");
    assert.deepEqual(ann.take(), ["first", "last", "connect"]);
  }
});

test("what the program keeps with the socket comes with it", async () => {
  const ann = await connect(jsA);
  await ann.ask("data", "colour", "red");
  for (const to of [jsB, cpp, jsA]) {
    await ann.drop();
    await ann.connect(to);
    assert.equal(ann.socket.recovered, true);
    assert.deepEqual((await ann.ask("data", "last", to.name))[0], { node: "js-a", colour: "red", last: to.name });
  }
});

test("what it said to the others does not come back to it", async () => {
  const ann = await connect(jsA);
  const ben = await connect(jsB);
  await ann.ask("join", "others");
  await ben.ask("join", "others");
  await ann.ask("emit", { to: ["others"], broadcast: true }, "for the others");
  await ben.hears("for the others");
  await ann.drop();
  ann.take();
  await ben.ask("emit", { to: ["others"] }, "missed");
  await ben.hears("missed");
  await ann.connect(jsB);
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual(ann.take(), ["missed", "connect"]);
});

test("rooms that are left stay left, those joined by others are kept", async () => {
  const ann = await connect(jsA);
  const ben = await connect(cpp);
  for (const room of ["kept", "left"]) await ann.ask("join", room);
  await ann.ask("leave", "left");
  await ben.ask("sockets-join", { to: [ann.socket.id] }, ["given"]);
  await until(async () => (await ann.ask("rooms"))[0].includes("given"), "ann to be joined");
  await ann.drop();
  ann.take();
  for (const room of ["left", "given", "kept"]) await ben.ask("emit", { to: [room] }, room);
  await ann.connect(jsB);
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual((await ann.ask("rooms"))[0].sort(), ["given", "kept"]);
  assert.deepEqual(ann.take(), ["given", "kept", "connect"]);
});

test("a volatile event that ends in a text is no offset", async () => {
  const ann = await connect(jsA);
  const ben = await connect(jsB);
  await ann.ask("join", "volatile");
  await ben.ask("emit", { to: ["volatile"] }, "logged", 1);
  await ann.hears("logged");
  await ben.ask("emit", { to: ["volatile"], volatile: true }, "volatile", "text");
  await ann.hears("volatile");
  ann.take();
  await ann.drop();
  await ben.ask("emit", { to: ["volatile"] }, "missed");
  await ann.connect(jsB);
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual(ann.take(), ["missed", "connect"]);
});

test("a session is had by one: whoever had it is cut off", async () => {
  let last = await connect(jsA);
  await last.ask("join", "one");
  const { id, _pid: pid } = last.socket;
  for (const to of [jsA, jsB, cpp, jsA]) {
    await last.ask("emit", { to: ["one"] }, "said");
    await last.hears("said");
    const other = new Client(to);
    other.socket.auth = { pid, offset: last.socket._lastOffset };
    const gone = new Promise((done) => last.socket.on("disconnect", done));
    await other.connect(to);
    assert.equal(other.socket.id, id);
    assert.equal(await gone, "transport close", to.name);
    last = other;
  }
});

for (const transports of [["websocket"], ["polling"]]) {
  test(`of whom nobody knows what it keeps by ${transports}, it is asked, and then it has everything once`, async () => {
    const room = `doubt-${transports}`;
    const ann = await connect(jsA, { transports });
    const ben = await connect(jsB);
    await ann.ask("join", room);
    await ben.ask("emit", { to: [room] }, "before");
    await ann.hears("before");
    const { _pid: pid, _lastOffset: offset } = ann.socket;
    await ann.drop();
    ann.take();
    for (const event of ["one", "two"]) await ben.ask("emit", { to: [room] }, event);
    // A try that broke in the middle, as the servers see it.
    const broken = new Client(jsB, { transports });
    broken.socket.auth = { pid, offset };
    await broken.connect(jsB);
    assert.deepEqual(broken.take(), ["one", "two", "connect"]);
    await broken.drop();
    const cut = new Promise((done) => ann.socket.once("disconnect", done));
    ann.socket.io.uri = jsA.address;
    ann.socket.connect();
    assert.match(await cut, /^transport/);
    assert.deepEqual(ann.take(), ["connect"]);
    await ann.connect(jsA);
    assert.equal(ann.socket.recovered, true);
    assert.deepEqual(ann.take(), ["one", "two", "connect"]);
  });
}

test("whoever was thrown out, or left, begins anew", async () => {
  const ann = await connect(jsA);
  const { _pid: pid } = ann.socket;
  ann.socket.emit("leave-me");
  await until(() => !ann.socket.connected, "ann to be thrown out");
  await until(async () => {
    const again = new Client(jsB);
    again.socket.auth = { pid };
    await again.connect(jsB);
    return !(await again.ask("session"))[0].recovered;
  }, "the session to be over");
  const other = new Client(jsB);
  other.socket.auth = { pid: "nobody-has-this-pid!", offset: "1-1" };
  await other.connect(jsB);
  assert.equal((await other.ask("session"))[0].recovered, false);
});

test("a history that was sent counts, and the rest of one that was not comes", async () => {
  const ben = await connect(cpp);
  for (let i = 0; i < 30; ++i) await ben.ask("publish", "told", "said", { i }, `id${i}`);
  for (const to of [jsB, cpp, jsA]) {
    const ann = await connect(jsA);
    const [error, replayed] = await ann.ask("join", "told", { last: 10 });
    assert.deepEqual([error, replayed], [null, 10]);
    await ann.hears("said", 10);
    await ann.drop();
    ann.take();
    await ann.connect(to);
    assert.equal(ann.socket.recovered, true, to.name);
    await ann.ask("session");
    assert.deepEqual(ann.take(), ["connect"]);
  }
  // And one who has it up to its third event only.
  for (const to of [jsB, cpp]) {
    const ann = await connect(jsA);
    const offsets = [];
    ann.socket.on("said", (...args) => offsets.push(args.at(-1)));
    await ann.ask("join", "told", { last: 10 });
    await until(() => offsets.length === 10, "the history");
    await ann.drop();
    ann.take();
    ann.socket._lastOffset = offsets[2];
    await ann.connect(to);
    assert.equal(ann.socket.recovered, true, to.name);
    await ann.ask("session");
    assert.deepEqual(ann.heard.map(([event, data]) => data?.i ?? event), [23, 24, 25, 26, 27, 28, 29, "connect"]);
  }
});

test("a server that is killed loses no client anything", async () => {
  const doomed = await cluster.addServer("js-doomed", ...kJsFlags);
  const ben = await connect(jsA);
  const all = await Promise.all(Array.from({ length: 12 }, () => connect(doomed)));
  const ids = all.map(({ socket }) => socket.id);
  for (const [i, client] of all.entries()) {
    // The program does not wait, nor does the client.
    await client.ask(i % 2 ? "join-at-once" : "join", `of-${i % 3}`);
  }
  await ben.ask("emit", {}, "before");
  for (const client of all) await client.hears("before");
  for (const client of all) client.take();
  const said = [];
  for (let i = 0; i < 60; ++i) {
    said.push(ben.ask("emit", { to: [`of-${i % 3}`] }, "n", i));
    if (i === 30) await doomed.kill();
  }
  await Promise.all(said);
  await Promise.all(all.map(({ socket }) => until(() => !socket.connected, "the connection to be lost")));
  for (const [i, client] of all.entries()) {
    await client.connect([jsA, jsB, cpp][Math.floor(i / 3) % 3]);
    assert.equal(client.socket.recovered, true);
    assert.equal(client.socket.id, ids[i]);
    await client.hears("n", 20);
    assert.deepEqual(client.heard.filter(([event]) => event === "n").map(([, n]) => n),
      Array.from({ length: 20 }, (_, n) => 3 * n + (i % 3)));
  }
});

test("of a server that is told to end all clients come back at once", async () => {
  const ends = await cluster.addServer("js-ends", ...kJsFlags);
  const ben = await connect(jsA);
  const ann = await connect(ends);
  await ann.ask("data", "colour", "blue");
  await ann.ask("join", "ends");
  const { id } = ann.socket;
  assert.equal((await ends.kill("SIGTERM")).code, 0);
  await until(() => !ann.socket.connected, "the connection to be lost");
  ann.take();
  await ben.ask("emit", { to: ["ends"] }, "missed");
  await ann.connect(jsB);
  assert.equal(ann.socket.recovered, true);
  assert.equal(ann.socket.id, id);
  assert.deepEqual(ann.take(), ["missed", "connect"]);
  assert.equal((await ann.ask("data", "more", 1))[0].colour, "blue");
});

for (const skips of [false, true]) {
  test(`middlewares ${skips ? "are skipped" : "run again, and may refuse"}`, async () => {
    const js = await cluster.addServer(`js-skips-${skips}`, ...kJsFlags, ...(skips ? ["--skip-middlewares"] : []));
    const ann = await connect(js);
    await ann.ask("join", "guarded");
    await ann.drop();
    await ann.connect(js);
    assert.deepEqual(await ann.ask("session"), [{ recovered: true, middlewares: skips ? 1 : 2 }]);
    if (skips) return;
    await ann.drop();
    ann.socket.auth = { refuse: true };
    const refused = new Promise((done) => ann.socket.once("connect_error", done));
    ann.socket.connect();
    assert.equal((await refused).message, "refused");
    // The session is still there for who is let in.
    ann.socket.auth = {};
    ann.socket.disconnect();
    await ann.connect(jsB);
    assert.equal(ann.socket.recovered, true);
    assert.deepEqual((await ann.ask("rooms"))[0], ["guarded"]);
  });
}

test("a client is not recovered when what it missed is gone", async () => {
  const short = new AdapterCluster();
  await short.startBroker("--retention=/:brief=events:10");
  const js = await short.addServer("js", ...kJsFlags);
  const ann = await connect(js);
  const ben = await connect(js);
  await ann.ask("join", "brief");
  await ben.ask("emit", { to: ["brief"] }, "before");
  await ann.hears("before");
  const { id } = ann.socket;
  await ann.drop();
  await Promise.all(Array.from({ length: 200 }, (_, i) => ben.ask("emit", { to: ["brief"] }, "n", i)));
  await until(async () => {
    const [, page] = await ben.ask("history", "brief", { last: 1000, broadcasts: true });
    return page.events.at(-1)?.args[0] === 199 && page.events.length < 200;
  }, "events to be trimmed");
  ann.take();
  await ann.connect(js);
  assert.equal(ann.socket.recovered, false);
  assert.notEqual(ann.socket.id, id);
  assert.equal((await ann.ask("session"))[0].recovered, false);
  assert.deepEqual(ann.take(), ["connect"]);
});

test("while the broker is away a client waits, and then has everything", async () => {
  const own = new AdapterCluster();
  await own.startBroker();
  const [one, two] = [await own.addServer("one", ...kJsFlags), await own.addServer("two", ...kJsFlags)];
  const ann = await connect(one);
  const ben = await connect(two);
  await ann.ask("join", "waits");
  await ben.ask("emit", { to: ["waits"] }, "n", 0);
  await ann.hears("n");
  await own.broker.kill();
  for (let i = 1; i <= 5; ++i) await ben.ask("emit", { to: ["waits"] }, "n", i);
  await ann.drop();
  const back = ann.connect(two);
  await own.restartBroker();
  await back;
  assert.equal(ann.socket.recovered, true);
  await ann.hears("n", 6);
  assert.deepEqual(ann.heard.filter(([event]) => event === "n").map(([, n]) => n), [0, 1, 2, 3, 4, 5]);
});
