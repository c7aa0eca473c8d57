// Clients that come back to their sessions are held to the tokens that they show
// then: whose the session is, what is granted, and when the token ends.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { io } from "socket.io-client";
import { story } from "./cluster.mjs";
import { Signer, jwks } from "./signer.mjs";
import { until } from "./until.mjs";

const directory = mkdtempSync(join(tmpdir(), "roomlog-auth-recovery-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const signer = new Signer("ES256", "one");
const keys = join(directory, "keys");
writeFileSync(keys, jwks(signer));
const edgeFlags = [`--auth_keys=${keys}`, "--auth_leeway=0s", "--grant=publish=*"];

const joins = (...rooms) => ({ roomlog: { join: rooms, history: rooms } });

// An official client whose token may be another one each time that it connects.
async function come(cluster, user, claims) {
  const shown = { token: signer.token(user, claims) };
  const client = await cluster.client(0, { reconnection: false, auth: (take) => take({ ...shown }) });
  return Object.assign(client, { shown });
}

async function drop({ socket }) {
  socket.io.engine.close();
  await until(() => !socket.connected, "a client to be cut off");
}

async function comeBack(client, edge, token) {
  client.shown.token = token;
  client.socket.io.uri = edge.address;
  client.socket.connect();
  await client.connected();
}

const numbers = (client, room) => client.in(room).map(({ data }) => data);
const told = (client, name) => client.others.filter(([event]) => event === name).map(([, what]) => what);

story("who comes back with a token that grants less is not in the other rooms, and hears nothing of them",
  { edgeFlags }, async (cluster) => {
    const ann = await come(cluster, "ann", joins("open", "secret"));
    const ben = await come(cluster, "ben", joins("open"));
    for (const room of ["open", "secret"]) assert.ok((await ann.join(room)).ok);
    for (const room of ["open", "secret"]) await ben.publish(room, "message", 1);
    await ann.hears(1, "open");
    await ann.hears(1, "secret");
    await drop(ann);
    for (const room of ["secret", "open"]) await ben.publish(room, "message", 2);

    await comeBack(ann, cluster.edges[1], signer.token("ann", joins("open")));
    assert.equal(ann.socket.recovered, true);
    await until(() => told(ann, "roomlog:left").length > 0, "the client to be told what it has left");
    const [left] = told(ann, "roomlog:left");
    assert.deepEqual([left.rooms, left.code], [["secret"], "forbidden"]);
    for (const room of ["secret", "open"]) await ben.publish(room, "message", 3);
    await ann.hears(3, "open");
    assert.deepEqual(numbers(ann, "open"), [1, 2, 3]);
    assert.deepEqual(numbers(ann, "secret"), [1]);
    assert.equal((await ann.join("secret")).error.code, "forbidden");

    // It has left them for good: a token that grants more does not bring it back.
    await drop(ann);
    for (const room of ["secret", "open"]) await ben.publish(room, "message", 4);
    await comeBack(ann, cluster.edges[0], signer.token("ann", joins("open", "secret")));
    assert.equal(ann.socket.recovered, true);
    for (const room of ["secret", "open"]) await ben.publish(room, "message", 5);
    await ann.hears(5, "open");
    assert.deepEqual(numbers(ann, "open"), [1, 2, 3, 4, 5]);
    assert.deepEqual(numbers(ann, "secret"), [1]);
    assert.deepEqual(told(ann, "roomlog:gap"), []);
  });

// Whoever has her private id, but not her token.
function thief(edge, ann, token) {
  const socket = io(edge.address, {
    transports: ["websocket"], forceNew: true, reconnection: false,
    auth: { token, pid: ann.socket._pid, offset: ann.socket._lastOffset },
  });
  const heard = [];
  socket.onAny((...event) => heard.push(event));
  return { socket, heard };
}

story("a session is given back to the user who opened it, and to nobody else",
  { edgeFlags }, async (cluster) => {
    const ann = await come(cluster, "ann", joins("letters"));
    const ben = await come(cluster, "ben", joins("letters"));
    let closed = null;
    ann.socket.on("disconnect", (reason) => { closed = reason; });
    assert.ok((await ann.join("letters")).ok);
    await ben.publish("letters", "message", 1);
    await ann.hears(1, "letters");
    const { id, _pid: privateId } = ann.socket;
    assert.ok(privateId && ann.socket._lastOffset);

    // Those who show her private id get nothing by it, she being there or not.
    const tryIt = async (edge) => {
      const mallory = thief(edge, ann, signer.token("mallory", joins("letters")));
      try {
        await until(() => mallory.socket.connected && mallory.heard.length > 0, "the other user to be let in");
        assert.equal(mallory.socket.recovered, false);
        assert.notEqual(mallory.socket.id, id);
        assert.notEqual(mallory.socket._pid, privateId);
        assert.deepEqual(mallory.heard, [["roomlog:gap", { reason: "expired" }, ...mallory.heard[0].slice(2)]]);
      } finally {
        mallory.socket.close();
      }
      for (const token of [undefined, "x", signer.token("ann", { seconds: -60 }), new Signer("ES256", "one").token("ann")]) {
        const { socket, heard } = thief(edge, ann, token);
        let refusal = null;
        socket.on("connect_error", ({ data }) => { refusal = data.code; });
        await until(() => refusal, "a client without a token to be refused");
        assert.match(refusal, /^token_/);
        assert.deepEqual(heard, []);
        socket.close();
      }
    };
    for (const edge of cluster.edges) await tryIt(edge);
    assert.equal(closed, null, "she is not disturbed");
    await ben.publish("letters", "message", 2);
    await ann.hears(2, "letters");

    await drop(ann);
    await ben.publish("letters", "message", 3);
    for (const edge of cluster.edges) await tryIt(edge);
    await comeBack(ann, cluster.edges[1], signer.token("ann", joins("letters")));
    assert.equal(ann.socket.recovered, true);
    assert.equal(ann.socket.id, id);
    await ben.publish("letters", "message", 4);
    await ann.hears(4, "letters");
    assert.deepEqual(numbers(ann, "letters"), [1, 2, 3, 4]);
  });

story("who has come back is closed when the token ends that was shown then, unless it is renewed",
  { edgeFlags }, async (cluster) => {
    const ann = await come(cluster, "ann", joins("lobby"));
    const ben = await come(cluster, "ben", joins("lobby"));
    for (const client of [ann, ben]) {
      assert.ok((await client.join("lobby")).ok);
      await drop(client);
      await comeBack(client, cluster.edges[1], signer.token(client === ann ? "ann" : "ben", { ...joins("lobby"), seconds: 5 }));
      assert.equal(client.socket.recovered, true);
    }
    let reason = null;
    ann.socket.on("disconnect", (why) => { reason = why; });
    assert.equal((await ben.ask("auth:renew", [{ token: signer.token("ben", joins("lobby")) }])).ok, true);
    await until(() => reason, "the token to end");
    assert.equal(reason, "io server disconnect");
    assert.deepEqual(told(ann, "roomlog:closed").map(({ code }) => code), ["token_expired"]);
    assert.equal(ben.socket.connected, true);
    assert.equal((await ben.publish("lobby", "message", 1)).ok, true);
    await ben.hears(1, "lobby");
    // That was the end of the session, too, whatever token is shown.
    const { id } = ann.socket;
    await comeBack(ann, cluster.edges[0], signer.token("ann", joins("lobby")));
    assert.equal(ann.socket.recovered, false);
    assert.notEqual(ann.socket.id, id);
  });
