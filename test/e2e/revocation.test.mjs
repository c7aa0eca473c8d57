// Users who are put out: their sockets on all nodes are closed, and what they could
// prove themselves by until then is good no more, whatever is started again.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { io } from "socket.io-client";
import { story } from "./cluster.mjs";
import { Signer, jwks } from "./signer.mjs";
import { until } from "./until.mjs";

const kApiKey = "k".repeat(32);
const directory = mkdtempSync(join(tmpdir(), "roomlog-revocation-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const signer = new Signer("ES256", "one");
const keys = join(directory, "keys");
writeFileSync(keys, jwks(signer));
const apiKeys = join(directory, "api-keys");
writeFileSync(apiKeys, `all ${kApiKey}\nhelp ${"h".repeat(32)} dismiss=guest-*\n`, { mode: 0o600 });
const edgeFlags = [`--auth_keys=${keys}`, "--auth_leeway=0s", `--api_keys=${apiKeys}`, "--grant=join,publish,presence=*"];
const openFlags = [`--api_keys=${apiKeys}`];

const seconds = () => Math.floor(Date.now() / 1000);
const tokenOf = (user, issued = seconds()) => signer.token(user, { iat: issued, exp: issued + 3600 });

async function post(edge, path, key = kApiKey) {
  const answer = await fetch(new URL(`/api/v1/${path}`, edge.address), { method: "POST", headers: { authorization: `Bearer ${key}` } });
  return { status: answer.status, json: await answer.json() };
}

// What a connection with that token comes to: "connected", or why not.
async function outcome(edge, token) {
  const socket = io(edge.address, { transports: ["websocket"], forceNew: true, reconnection: false, auth: { token } });
  try {
    return await new Promise((done) => {
      socket.on("connect", () => done("connected"));
      socket.on("connect_error", (error) => done(error.data?.code ?? error.message));
    });
  } finally {
    socket.disconnect();
  }
}

const closedAs = (client) => client.others.filter(([name]) => name === "roomlog:closed").map(([, { code }]) => code);

async function arePutOut(clients, code) {
  await until(() => clients.every(({ socket }) => !socket.connected), "all of them to be closed");
  for (const client of clients) assert.deepEqual(closedAs(client), [code]);
}

story("a user who is revoked is put out on all nodes, and his tokens until then are refused", { edgeFlags }, async (cluster) => {
  const old = tokenOf("ann", seconds() - 10);
  const anns = [await cluster.client(0, { auth: { token: old } }), await cluster.client(1, { auth: { token: old } }),
    await cluster.client(1, { auth: { token: old }, namespace: "/chat" })];
  const ben = await cluster.client(0, { auth: { token: tokenOf("ben") } });
  await anns[0].join("lobby");

  assert.deepEqual(await post(cluster.edges[0], "users/ann/revoke"), { status: 200, json: { ok: true } });
  await arePutOut(anns, "revoked");
  assert.ok(ben.socket.connected);
  for (const edge of cluster.edges) assert.equal(await outcome(edge, old), "token_revoked");
  assert.equal(await outcome(cluster.edges[0], signer.token("ann", { exp: seconds() + 60, iat: undefined })), "token_revoked");
  await until(async () => {
    const { sockets } = await ben.ask("presence", ["lobby"]);
    return sockets === 0;
  }, "her sessions to be over");
  // What is issued from the next second on is good.
  await until(async () => await outcome(cluster.edges[1], tokenOf("ann")) === "connected", "a newer token to be taken");
  assert.equal(await outcome(cluster.edges[1], tokenOf("ben")), "connected");
});

story("what was revoked stays so when broker and nodes are killed", { edgeFlags }, async (cluster) => {
  const old = tokenOf("ann", seconds() - 10);
  const { status } = await post(cluster.edges[0], "users/ann/revoke");
  assert.equal(status, 200);
  await cluster.broker.kill("SIGKILL");
  for (const edge of cluster.edges) await edge.kill("SIGKILL");
  // A node that has not heard from its broker lets nobody in, and one that has just
  // heard knows.
  const [edge] = cluster.edges;
  await edge.start([`--listen=${new URL(edge.address).host}`]);
  const early = outcome(edge, old);
  const good = outcome(edge, tokenOf("ben"));
  await cluster.restartBroker();
  assert.equal(await early, "token_revoked");
  assert.equal(await good, "connected");
});

story("without its broker a new node lets nobody in who shows a token", { edges: [] }, async (cluster) => {
  await cluster.broker.kill("SIGKILL");
  const edge = cluster.addEdge("lonely", edgeFlags).catch(() => {}); // It is not healthy.
  await until(() => cluster.edges[0]?.address, "the node to listen");
  assert.equal(await outcome(cluster.edges[0], tokenOf("ann")), "unavailable");
  await cluster.restartBroker();
  await edge;
  assert.equal(await outcome(cluster.edges[0], tokenOf("ann")), "connected");
});

story("who comes back to a session with a revoked token is refused", { edgeFlags }, async (cluster) => {
  const old = tokenOf("ann", seconds() - 10);
  const ann = await cluster.client(0, { reconnection: false, auth: { token: old } });
  await ann.join("lobby");
  ann.socket.io.engine.close();
  await until(() => !ann.socket.connected, "ann to be cut off");
  await post(cluster.edges[1], "users/ann/revoke");
  const refusal = new Promise((done) => ann.socket.on("connect_error", (error) => done(error.data?.code)));
  ann.socket.io.uri = cluster.edges[1].address;
  ann.socket.connect();
  assert.equal(await refusal, "token_revoked");
});

story("an older token does not renew, and a newer one is not taken for it", { edgeFlags }, async (cluster) => {
  const old = tokenOf("ann", seconds() - 10);
  await post(cluster.edges[0], "users/ann/revoke");
  await until(async () => await outcome(cluster.edges[1], tokenOf("ann")) === "connected", "a newer token to be taken");
  const ann = await cluster.client(1, { reconnection: false, auth: { token: tokenOf("ann") } });
  assert.equal((await ann.ask("auth:renew", [{ token: old }])).error.code, "token_revoked");
  assert.ok((await ann.ask("auth:renew", [{ token: tokenOf("ann") }])).ok);
  // Revoked once more, it is she who goes.
  await post(cluster.edges[0], "users/ann/revoke");
  await arePutOut([ann], "revoked");
});

story("a user, or one socket, is put out without revoking anything", { edgeFlags: openFlags }, async (cluster) => {
  const ann = () => cluster.client(0, { reconnection: false, auth: { user: "ann" } });
  const first = await ann();
  const second = await cluster.client(1, { reconnection: false, auth: { user: "ann" } });
  const { list } = await second.ask("presence", ["", { list: "sockets" }]);
  assert.ok(list.some(({ id }) => id === first.socket.id));
  assert.equal((await post(cluster.edges[1], `sockets/${first.socket.id}/disconnect`)).status, 200);
  await arePutOut([first], "dismissed");
  assert.ok(second.socket.connected);
  const third = await ann();
  assert.equal((await post(cluster.edges[0], "users/ann/disconnect")).status, 200);
  await arePutOut([second, third], "dismissed");
  assert.ok((await ann()).socket.connected);
  // A key's rules say whom it may put out.
  assert.equal((await post(cluster.edges[0], "users/ann/disconnect", "h".repeat(32))).status, 403);
  assert.equal((await post(cluster.edges[0], "users/guest-7/revoke", "h".repeat(32))).status, 200);
});

story("what is kept of a user may be read by himself, and changed by whom a grant names",
  { edgeFlags: [...edgeFlags.slice(0, 3), "--grant=state_change=note/{sub};state=note/*"] }, async (cluster) => {
    const ann = await cluster.client(0, { auth: { token: tokenOf("ann") } });
    const ask = (user, options) => ann.ask("user_state", options ? [user, options] : [user]);
    assert.equal((await ask(null)).state, null);
    assert.equal((await ask("ann", { watch: true })).ok, true);
    assert.equal((await ask("ann", { set: {} })).error.code, "forbidden");
    assert.equal((await ask("ben")).error.code, "forbidden");
    assert.equal((await ask("ben", { watch: true })).error.code, "forbidden");
    assert.ok((await ask("note/ann", { set: { text: "hi" } })).ok);
    assert.equal((await ask("note/ben", { set: {} })).error.code, "forbidden");
    assert.equal((await ask("note/ben")).state, null);
  });
