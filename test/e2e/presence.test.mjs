// Who is in a room, asked of any node, while nodes and the broker come and go.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "./client.mjs";
import { Program, story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));

const presence = (client, room, options) => client.ask("presence", options ? [room, options] : [room]);

// {sockets, users} of a room.
async function counts(client, room) {
  const { ok, sockets, users } = await presence(client, room);
  return ok && { sockets, users };
}

// Waits until the node says so.
function hasCounts(client, room, sockets, users) {
  let last;
  return until(async () => {
    last = await counts(client, room);
    return last.sockets === sockets && last.users === users;
  }, () => `${sockets} sockets of ${users} users in ${room}, not ${JSON.stringify(last)}`);
}

// A node whose clients say who they are, as {auth: {user}}.
async function userNode(cluster, name) {
  const node = new Program(name, join(kBinaries, "test/e2e/library_server"), [
    `--broker=${cluster.brokerAddress}`, `--name=${name}`, "--recovery_window=2m"]);
  cluster.programs.push(node);
  await node.start();
  await until(async () => (await fetch(new URL("/healthz", node.address))).ok, `${name} to be healthy`);
  return node;
}

async function userClient(cluster, node, user, rooms) {
  const client = new Client(node.address, { auth: { user } });
  cluster.clients.push(client);
  await client.connected();
  for (const room of rooms) await client.ask("join", [room]);
  return client;
}

story("every node counts and lists the same, users on several sockets once", async (cluster) => {
  const nodes = [await userNode(cluster, "users-a"), await userNode(cluster, "users-b")];
  const anna = await userClient(cluster, nodes[0], "anna", ["lobby"]);
  await userClient(cluster, nodes[1], "anna", ["lobby"]);
  const bob = await userClient(cluster, nodes[1], "bob", ["lobby", "hall"]);
  const nobody = await cluster.client(0); // Of a node that knows no users.
  await nobody.join("lobby");

  const asking = [nobody, await cluster.client(1)];
  for (const client of asking) {
    await hasCounts(client, "lobby", 4, 2);
    const users = await presence(client, "lobby", { list: "users" });
    assert.deepEqual(users.list, [
      { user: "anna", sockets: 2, away: false }, { user: "bob", sockets: 1, away: false }]);
    assert.equal(users.more, false);
    const found = [];
    for (let after = "", more = true; more; after = found.at(-1).id) {
      const page = await presence(client, "lobby", { list: "sockets", limit: 3, after });
      assert.ok(page.ok, JSON.stringify(page));
      found.push(...page.list);
      more = page.more;
    }
    assert.equal(found.length, 4);
    assert.equal(found.find(({ id }) => id === anna.socket.id).user, "anna");
    assert.equal(found.find(({ id }) => id === nobody.socket.id).user, null);
    await hasCounts(client, "hall", 1, 1);
    await hasCounts(client, "", 5, 2); // Everybody in the namespace, who asks included.
    assert.equal((await presence(client, "$roomlog/presence/lobby")).error.code, "bad_room");
  }
  bob.socket.disconnect();
  await hasCounts(asking[1], "lobby", 3, 1);
});

story("a killed node leaves no ghosts, and whoever comes back never left", async (cluster) => {
  const doomed = await userNode(cluster, "doomed");
  const other = await userNode(cluster, "other");
  const returning = await userClient(cluster, doomed, "anna", ["lobby"]);
  const lost = await userClient(cluster, doomed, "bob", ["lobby"]);
  const asker = await cluster.client(0);
  await hasCounts(asker, "lobby", 2, 2);

  lost.socket.io.reconnection(false);
  returning.socket.io.uri = other.address;
  const id = returning.socket.id;
  let lowest = 2;
  let watching = true;
  const watched = (async () => {
    while (watching) {
      const users = await presence(asker, "lobby", { list: "users" });
      if (!users.list.some(({ user }) => user === "anna")) lowest = 0;
    }
  })();
  await doomed.kill("SIGKILL");
  await until(() => returning.socket.connected && returning.socket.recovered, "anna to come back");
  assert.equal(returning.socket.id, id);
  // Bob is shown as away, and then no more.
  await until(async () => {
    const { list } = await presence(asker, "lobby", { list: "users" });
    return list.some(({ user, away }) => user === "bob" && away);
  }, "bob to be away");
  await hasCounts(asker, "lobby", 1, 1);
  watching = false;
  await watched;
  assert.equal(lowest, 2, "anna was never missing");
});

story("the broker killed and started again knows who is where", async (cluster) => {
  const node = await userNode(cluster, "users");
  const anna = await userClient(cluster, node, "anna", ["lobby"]);
  const asker = await cluster.client(0);
  await hasCounts(asker, "lobby", 1, 1);
  await cluster.broker.kill("SIGKILL");
  const asked = presence(asker, "lobby", { list: "users" }); // Waits for the broker.
  await cluster.restartBroker();
  assert.deepEqual((await asked).list.map(({ user }) => user), ["anna"]);
  await until(async () => {
    const { list } = await presence(asker, "lobby", { list: "users" });
    return list.length === 1 && !list[0].away;
  }, "anna to be there");
  await anna.ask("leave", ["lobby"]);
  await hasCounts(asker, "lobby", 0, 0);
});

story("when a user was online last is told, and outlives the broker", async (cluster) => {
  const nodes = [await userNode(cluster, "seen-a"), await userNode(cluster, "seen-b")];
  const phone = await userClient(cluster, nodes[0], "anna", ["lobby"]);
  const laptop = await userClient(cluster, nodes[1], "anna", []);
  const asker = await cluster.client(0);
  const anna = async (room = "") => {
    const { ok, list, last_seen: lastSeen } = await presence(asker, room, { user: "anna" });
    assert.ok(ok);
    return { list, lastSeen };
  };
  await until(async () => (await anna()).list[0]?.sockets === 2, "both of her sockets");
  assert.deepEqual(await anna("lobby"), { list: [{ user: "anna", sockets: 1, away: false }], lastSeen: undefined });
  phone.socket.disconnect();
  await until(async () => (await anna("lobby")).list.length === 0, "her to have left the room");
  assert.deepEqual(await anna("lobby"), { list: [], lastSeen: undefined });
  assert.equal((await anna()).lastSeen, null, "she is online");
  const before = Date.now();
  laptop.socket.disconnect();
  await until(async () => (await anna()).lastSeen !== null, "her to be gone");
  const { list, lastSeen } = await anna();
  assert.deepEqual(list, []);
  assert.ok(lastSeen >= before && lastSeen <= Date.now(), `${before} ${lastSeen}`);
  await cluster.broker.kill("SIGKILL");
  await cluster.restartBroker();
  assert.equal((await anna()).lastSeen, lastSeen);
  // A killed node's users are gone once they do not come back.
  const cas = await userClient(cluster, nodes[0], "cas", []);
  cas.socket.io.reconnection(false);
  await nodes[0].kill("SIGKILL");
  const told = async () => (await presence(asker, "", { user: "cas" })).last_seen;
  await until(async () => (await told()) !== null, "the end of the lease", 60_000);
  assert.ok((await told()) > lastSeen);
});

story("a program hears who comes and goes, on whatever node, through a killed broker",
  { brokerFlags: ["--presence_feed=/:stage"] }, async (cluster) => {
    const nodes = [await userNode(cluster, "program-a"), await userNode(cluster, "program-b")];
    const heard = await Promise.all(nodes.map(async (node) => {
      const { socket } = await userClient(cluster, node, "listener", []);
      const list = [];
      socket.on("stage", (...change) => list.push(change));
      return list;
    }));
    const anna = await userClient(cluster, nodes[0], "anna", ["stage"]);
    const again = await userClient(cluster, nodes[1], "anna", ["stage"]);
    await cluster.broker.kill("SIGKILL");
    await cluster.restartBroker();
    anna.socket.disconnect();
    const all = [["join", "anna", true, 1], ["join", "anna", false, 2], ["leave", "anna", false, 1]];
    for (const list of heard) await until(() => list.length === all.length, () => JSON.stringify(list));
    again.socket.disconnect();
    all.push(["leave", "anna", true, 0]);
    for (const list of heard) {
      await until(() => list.length === all.length, () => JSON.stringify(list));
      assert.deepEqual(list, all);
    }
  });

story("whoever watches hears every coming and going once, in order, through a killed broker and a lost connection",
  { brokerFlags: ["--presence_feed=/:lobby;/:"] }, async (cluster) => {
    const nodes = [await userNode(cluster, "users-a"), await userNode(cluster, "users-b")];
    const watcher = await cluster.client(0);
    const heard = () => watcher.events.filter(({ name }) => name === "roomlog:presence").map(({ data }) => data);
    const words = (room) => heard().filter((data) => data.room === room && data.user).map(
      ({ change, user, first, last }) => `${user} ${change}${first ? " first" : ""}${last ? " last" : ""}`);

    const anna = await userClient(cluster, nodes[0], "anna", ["lobby"]);
    const answer = await presence(watcher, "lobby", { watch: true, list: "users" });
    assert.deepEqual(answer.list, [{ user: "anna", sockets: 1, away: false }]);
    assert.equal((await presence(watcher, "hall", { watch: true })).error.code, "bad_room");
    assert.ok((await presence(watcher, "", { watch: true })).ok);

    const second = await userClient(cluster, nodes[1], "anna", ["lobby"]);
    const bob = await userClient(cluster, nodes[1], "bob", ["lobby", "hall"]);
    await until(() => words("lobby").length === 2, "two to come");
    await cluster.broker.kill("SIGKILL");
    await cluster.restartBroker();
    anna.socket.disconnect();
    await until(() => words("lobby").length === 3, "one to go");
    // The watcher is cut off, and hears of it when it is back.
    watcher.socket.io.engine.close();
    second.socket.disconnect();
    await until(() => watcher.socket.recovered, "the watcher to be back");
    await until(() => words("lobby").length === 4, "another to go");
    bob.socket.disconnect();
    await until(() => words("lobby").length === 5, "the last to go");
    assert.deepEqual(words("lobby"), [
      "anna join", "bob join first", "anna leave", "anna leave last", "bob leave last"]);
    // And online in the namespace, from the watching on.
    await until(() => words("").length === 5, "all to be offline");
    assert.deepEqual(words(""), [
      "anna join", "bob join first", "anna leave", "anna leave last", "bob leave last"]);
    const last = heard().filter(({ room }) => room === "lobby").at(-1);
    assert.deepEqual([last.sockets, last.users], [0, 0]);

    assert.ok((await presence(watcher, "lobby", { watch: false })).ok);
    const again = await userClient(cluster, nodes[0], "cem", ["lobby"]);
    await until(() => words("").includes("cem join first"), "cem to be online");
    assert.equal(words("lobby").length, 5);
    again.socket.disconnect();
  });
