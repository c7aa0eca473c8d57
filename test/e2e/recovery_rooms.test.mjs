// The room application's clients come back by themselves, or hear why not.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));

async function drop({ socket }) {
  socket.io.engine.close();
  await until(() => !socket.connected, "a client to be cut off");
}

// Goes to that node, and waits until it is connected there.
async function comeBack(client, edge) {
  client.socket.io.uri = edge.address;
  client.socket.connect();
  await client.connected();
}

story("a client is in its rooms again, and missed nothing", async (cluster) => {
  const ann = await cluster.client(0, { reconnection: false });
  const ben = await cluster.client(1);
  assert.ok((await ann.join("lobby")).ok);
  await ben.publish("lobby", "message", 1);
  await ann.hears(1, "lobby");
  await drop(ann);
  for (let i = 2; i <= 50; ++i) await ben.publish("lobby", "message", i);
  await comeBack(ann, cluster.edges[1]);
  assert.equal(ann.socket.recovered, true);
  await ben.publish("lobby", "message", 51);
  const heard = await ann.hears(51, "lobby");
  assert.deepEqual(heard.map(({ data }) => data), Array.from({ length: 51 }, (_, i) => i + 1));
  // Who joins again, as a client may that does not rely on it, hears nothing twice.
  const answer = await ann.join("lobby", { after: heard.at(-1).offset });
  assert.deepEqual([answer.ok, answer.replayed, answer.gap], [true, 0, null]);
  assert.deepEqual(ann.others, []);
});

story("who comes too late is told so", { edgeFlags: ["--recovery_window=1s"] }, async (cluster) => {
  const ann = await cluster.client(0, { reconnection: false });
  const { id } = ann.socket;
  await drop(ann);
  await new Promise((done) => setTimeout(done, 1500)); // What is tested is that time has passed.
  await comeBack(ann, cluster.edges[1]);
  assert.equal(ann.socket.recovered, false);
  assert.notEqual(ann.socket.id, id);
  await until(() => ann.others.length > 0, "a gap");
  assert.deepEqual(ann.others[0].slice(0, 2), ["roomlog:gap", { reason: "expired" }]);
});

story("what retention took is told of its room", {
  brokerFlags: ["--retention=/:brief=events:10"],
}, async (cluster) => {
  const ann = await cluster.client(0, { reconnection: false });
  const ben = await cluster.client(1);
  await ann.join("brief");
  await ann.join("other");
  await drop(ann);
  for (let i = 0; i < 300; ++i) await ben.publish("brief", "message", i);
  await until(async () => (await ben.history("brief", { limit: 1000 })).events.length < 200, "the room to be trimmed");
  await comeBack(ann, cluster.edges[1]);
  assert.equal(ann.socket.recovered, false);
  await until(() => ann.others.length > 0, "a gap");
  const [[event, gap]] = ann.others;
  assert.deepEqual([event, gap.room, gap.reason], ["roomlog:gap", "brief", "retention"]);
});

story("a client can be told not to recover", { edgeFlags: ["--recovery_window=0"] }, async (cluster) => {
  const ann = await cluster.client(0, { reconnection: false });
  await drop(ann);
  await comeBack(ann, cluster.edges[1]);
  assert.ok(!ann.socket.recovered);
  assert.deepEqual(ann.others, []);
});

test("a window that is none is refused", () => {
  for (const window of ["500ms", "-1s", "1000h"]) {
    const { status, stderr } = spawnSync(
      join(kBinaries, "node/roomlog-edge"),
      ["--listen=127.0.0.1:0", `--recovery_window=${window}`], { timeout: 10_000, encoding: "utf8" });
    assert.equal(status, 1, window);
    assert.match(stderr, /recovery_window must be 0, or from 1s/);
  }
});
