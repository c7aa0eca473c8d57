// Who may come in and what he may do, with real tokens and real clients.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Program, kBinaries, story } from "./cluster.mjs";
import { Signer, jwks } from "./signer.mjs";
import { until } from "./until.mjs";

const kEdge = join(kBinaries, "node/roomlog-edge");

const directory = mkdtempSync(join(tmpdir(), "roomlog-auth-"));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
function file(text) {
  const path = join(directory, `file-${++files}`);
  writeFileSync(path, text);
  return path;
}

// Resolves to "connected", or to the refusal as {message, data}.
function attempt(address, auth, namespace = "/") {
  const socket = io(new URL(namespace, address).href, {
    transports: ["websocket"], forceNew: true, reconnection: false, auth,
  });
  return new Promise((done) => {
    socket.on("connect", () => done("connected"));
    socket.on("connect_error", ({ message, data }) => done({ message, data }));
  }).finally(() => socket.close());
}

const es = new Signer("ES256", "es-1");
const esFile = file(jwks(es));

for (const algorithm of ["HS256", "RS256", "ES256", "EdDSA"]) {
  const signer = new Signer(algorithm, "one");
  const flag = signer.secret ? `--auth_secret=${file(signer.secret)}` : `--auth_keys=${file(signer.pem)}`;
  story(`a client with a token in ${algorithm} comes in, and no other`,
    { edges: ["node"], edgeFlags: [flag, "--grant=all=*"] }, async (cluster) => {
      const { address } = cluster.edges[0];
      assert.equal(await attempt(address, { token: signer.token("ann") }), "connected");
      assert.equal(await attempt(address, { token: signer.token("ann") }, "/chat"), "connected");
      const stranger = new Signer(algorithm, "one");
      for (const [auth, code] of [
        [undefined, "token_missing"],
        [{ token: stranger.token("ann") }, "token_invalid"],
        [{ token: signer.token("ann", { header: { alg: "none" } }) }, "token_invalid"],
        [{ token: signer.token("ann", { seconds: -60 }) }, "token_expired"],
      ]) {
        for (const namespace of ["/", "/chat"]) {
          const refused = await attempt(address, auth, namespace);
          assert.equal(refused.data?.code, code, JSON.stringify(refused));
        }
      }
    });
}

story("rooms are as open as the grants say",
  { edges: ["node"], edgeFlags: [`--auth_keys=${esFile}`, "--grant=join,history=chat/*;publish=user/{sub}/*"] },
  async (cluster) => {
    const token = es.token("ann", { roomlog: { publish: ["chat/open"] } });
    const ann = await cluster.client(0, { auth: { token } });
    const code = async (answer) => (await answer).error?.code ?? "ok";
    assert.equal(await code(ann.join("chat/open", { last: 10 })), "ok");
    assert.equal(await code(ann.publish("chat/open", "message", 1)), "ok");
    assert.equal((await ann.hears(1, "chat/open"))[0].data, 1);
    assert.equal(await code(ann.publish("chat/closed", "message", 1)), "forbidden");
    assert.equal(await code(ann.publish("user/ann/x", "message", 1)), "ok");
    assert.equal(await code(ann.publish("user/bob/x", "message", 1)), "forbidden");
    assert.equal(await code(ann.join("user/ann/x")), "forbidden");
    assert.equal(await code(ann.history("user/ann/x")), "forbidden");
  });

story("who is in a room is told, and watched, by those with the right only, until a newer token takes it away",
  { edges: ["node"], brokerFlags: ["--presence_feed=/:lobby"], edgeFlags: [`--auth_keys=${esFile}`, "--grant=join=*"] },
  async (cluster) => {
    const client = (user, claims) => cluster.client(0, { auth: { token: es.token(user, claims) } });
    const ann = await client("ann", { roomlog: { presence: ["lobby"] } });
    const bob = await client("bob");
    for (const options of [{}, { list: "users" }, { watch: true }]) {
      assert.equal((await bob.ask("presence", ["lobby", options])).error.code, "forbidden");
      assert.equal((await ann.ask("presence", ["hall", options])).error.code, "forbidden");
      assert.ok((await ann.ask("presence", ["lobby", options])).ok);
    }
    await bob.join("lobby");
    const heard = () => ann.events.filter(({ name }) => name === "roomlog:presence").map(({ data }) => data);
    await until(() => heard().length === 1, "bob to be told of");
    assert.equal(heard()[0].user, "bob");
    const renewed = await ann.ask("auth:renew", [{ token: es.token("ann") }]);
    assert.deepEqual(renewed.unwatched, ["lobby"]);
    assert.equal((await ann.ask("presence", ["lobby"])).error.code, "forbidden");
  });

story("keys are replaced while the node runs, and clients stay",
  { edges: ["node"], edgeFlags: [`--auth_keys=${join(directory, "rotating")}`, "--grant=all=*"] },
  async (cluster) => {
    const { address, log, child } = cluster.edges[0];
    const next = new Signer("EdDSA", "ed-2");
    const client = await cluster.client(0, { auth: { token: es.token("ann") } });
    const comesIn = (signer) => async () => (await attempt(address, { token: signer.token("bob") })) === "connected";
    assert.equal(await comesIn(next)(), false);
    // By itself.
    writeFileSync(join(directory, "rotating"), jwks(es, next));
    await until(comesIn(next), "the new key to be taken");
    assert.equal(await comesIn(es)(), true);
    writeFileSync(join(directory, "rotating"), jwks(next));
    await until(async () => !(await comesIn(es)()), "the old key to be forgotten");
    // What cannot be read changes nothing.
    writeFileSync(join(directory, "rotating"), "{");
    child.kill("SIGHUP");
    await until(() => log.some((line) => line.includes("stay in use")), "the edge to say so");
    assert.equal(await comesIn(next)(), true);
    assert.equal(client.socket.connected, true);
  });
writeFileSync(join(directory, "rotating"), jwks(es));

story("a socket is closed when its token ends, unless it was renewed",
  { edges: ["node"], edgeFlags: [`--auth_keys=${esFile}`, "--auth_leeway=0s", "--grant=all=*"] },
  async (cluster) => {
    const dies = await cluster.client(0, { auth: { token: es.token("ann", { seconds: 4 }) } });
    const stays = await cluster.client(0, { auth: { token: es.token("bob", { seconds: 4 }) } });
    let reason;
    dies.socket.on("disconnect", (why) => { reason = why; });
    const renewed = await stays.ask("auth:renew", [{ token: es.token("bob") }]);
    assert.equal(renewed.ok, true, JSON.stringify(renewed));
    assert.ok(renewed.expires > Date.now() + 500_000);
    assert.equal((await stays.ask("auth:renew", [{ token: es.token("ann") }])).error.code, "token_invalid");
    await until(() => reason, "the token to end");
    assert.equal(reason, "io server disconnect");
    assert.deepEqual(dies.others.map(([name, { code }]) => [name, code]), [["roomlog:closed", "token_expired"]]);
    assert.equal((await stays.publish("lobby", "message", 1)).ok, true);
    assert.equal(stays.socket.connected, true);
  });

story("what one socket and one user may ask for is bounded",
  { edges: ["node"], edgeFlags: [`--auth_keys=${esFile}`, "--grant=all=*",
    "--socket_events=2", "--socket_rooms=3", "--user_sockets=2"] },
  async (cluster) => {
    const auth = { token: es.token("ann") };
    const ann = await cluster.client(0, { auth });
    for (const room of ["a", "b", "c"]) assert.equal((await ann.join(room)).ok, true);
    assert.equal((await ann.join("d")).error.code, "limit");
    await cluster.client(0, { auth });
    assert.equal((await attempt(cluster.edges[0].address, auth)).data.code, "limit");
    const answers = await Promise.all(Array.from({ length: 40 }, () => ann.ask("node", [])));
    const refused = answers.filter(({ ok }) => !ok);
    assert.ok(refused.length > 10 && refused.length < 40, `${refused.length} refused`);
    assert.ok(refused.every(({ error }) => error.code === "limit"));
  });

story("what all sockets of a user may ask for together is bounded",
  { edges: ["node"], edgeFlags: [`--auth_keys=${esFile}`, "--grant=all=*",
    "--socket_events=0", "--user_events=2", "--user_rooms=3"] },
  async (cluster) => {
    const auth = { token: es.token("ann") };
    const [one, two] = [await cluster.client(0, { auth }), await cluster.client(0, { auth })];
    for (const room of ["a", "b"]) assert.equal((await one.join(room)).ok, true);
    assert.equal((await two.join("a")).ok, true);
    for (const client of [one, two]) {
      const { error } = await client.join("c");
      assert.equal(error.code, "limit");
      assert.match(error.message, /rooms/);
    }
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => [one, two][i % 2].ask("node", [])));
    const refused = answers.filter(({ ok }) => !ok);
    assert.ok(refused.length > 10 && refused.length < 40, `${refused.length} refused`);
    for (const { error } of refused) {
      assert.equal(error.code, "limit");
      assert.match(error.message, /more events a second than the user may send/);
    }
    const bob = await cluster.client(0, { auth: { token: es.token("bob") } });
    assert.equal((await bob.join("c")).ok, true);
    assert.equal(one.socket.connected && two.socket.connected, true);
  });

story("tokens that others made, or that were made for others, are refused and say why",
  { edges: ["node"], edgeFlags: [`--auth_keys=${file(jwks(es, new Signer("RS256", "rsa-1")))}`, "--grant=all=*",
    "--auth_audience=chat", "--auth_issuer=https://id.example"] },
  async (cluster) => {
    const { address } = cluster.edges[0];
    const good = { aud: "chat", iss: "https://id.example" };
    const forger = new Signer("HS256", "es-1");
    forger.secret = es.pem; // Which everybody knows.
    const now = Math.floor(Date.now() / 1000);
    assert.equal(await attempt(address, { token: es.token("ann", good) }), "connected");
    for (const [token, why] of [
      [forger.token("ann", good), /no key of that name and algorithm/],
      [es.token("ann", { ...good, header: { kid: "rsa-1" } }), /no key of that name/],
      [es.token("ann", { ...good, aud: ["shop"] }), /aud/],
      [es.token("ann", { ...good, aud: 5 }), /aud/],
      [es.token("ann", { ...good, iss: "https://evil.example" }), /iss/],
      [es.token("ann", { ...good, nbf: now + 3600 }), /not valid yet/],
      [es.token("ann", { ...good, x: "x".repeat(8192) }), /at most 8192/],
    ]) {
      const refused = await attempt(address, { token });
      assert.equal(refused.data?.code, "token_invalid", JSON.stringify(refused));
      assert.match(refused.message, why);
    }
    // So much is not even read.
    assert.equal((await attempt(address, { token: "x".repeat(500_000) })).message, "Auth payload too large");
  });

story("pages from elsewhere do not come in", { edges: ["node"], edgeFlags: ["--cors_origins=https://app.example"] },
  async (cluster) => {
    const url = new URL("/socket.io/?EIO=4&transport=websocket", cluster.edges[0].address);
    url.protocol = "ws:";
    const open = (origin) => new Promise((done) => {
      const socket = new WebSocket(url, { origin });
      socket.on("open", () => done("open")).on("error", ({ message }) => done(message));
      socket.on("open", () => socket.close());
    });
    assert.equal(await open("https://app.example"), "open");
    assert.equal(await open(undefined), "open", "what is no browser has no origin");
    assert.match(await open("https://evil.example"), /400/);
    url.protocol = "http:";
    url.searchParams.set("transport", "polling");
    const poll = (Origin) => fetch(url, { headers: { Origin } });
    assert.equal((await poll("https://app.example")).status, 200);
    const refused = await poll("https://evil.example");
    assert.equal(refused.status, 403);
    assert.deepEqual(await refused.json(), { code: 4, message: "pages of this origin may not connect here" });
  });

test("an edge that anybody could reach does not start unless it is told to", async () => {
  const refused = new Program("edge", kEdge, ["--broker=none", "--listen=0.0.0.0:0"]);
  refused.launch();
  assert.equal((await refused.ended()).code, 1);
  const said = refused.log.join("\n");
  for (const way of ["--auth_keys", "--auth_secret", "--open"]) assert.ok(said.includes(way), said);
  for (const flags of [["--listen=0.0.0.0:0", "--open"], ["--listen=127.0.0.1:0"]]) {
    const open = new Program("edge", kEdge, ["--broker=none", ...flags]);
    await open.start();
    assert.ok(open.log.some((line) => line.includes("open: ")), open.log.join("\n"));
    await open.kill();
  }
  const closed = new Program("edge", kEdge, ["--broker=none", "--listen=0.0.0.0:0", `--auth_keys=${esFile}`]);
  await closed.start();
  assert.ok(!closed.log.some((line) => line.includes("open: ")));
  await closed.kill();
});

for (const [what, flags, say] of [
  ["keys that are not there", ["--auth_keys=/nowhere"], "/nowhere: No such file"],
  ["a private key", [`--auth_keys=${file("-----BEGIN PRIVATE KEY-----\n")}`], "private key"],
  ["a short secret", [`--auth_secret=${file("secret")}`], "6 bytes"],
  ["two kinds of keys", [`--auth_keys=${esFile}`, `--auth_secret=${esFile}`], "beside --auth_keys"],
  ["a rule that is none", [`--auth_keys=${esFile}`, "--grant=jion=x"], "jion"],
  ["rules without keys", ["--grant=all=*"], "means nothing without"],
  ["an origin with a path", ["--cors_origins=https://app.example/"], "https://app.example/ is no origin"],
  ["an origin without a scheme", ["--cors_origins=https://app.example,app.example"], "app.example is no origin"],
  ["keys, and open all the same", [`--auth_keys=${esFile}`, "--open"], "not open"],
]) {
  test(`an edge with ${what} does not start`, async () => {
    const edge = new Program("edge", kEdge, ["--broker=none", "--listen=127.0.0.1:0", ...flags]);
    edge.launch();
    assert.equal((await edge.ended()).code, 1);
    assert.ok(edge.log.join("\n").includes(say), edge.log.join("\n"));
  });
}
