// Shadow mode: another adapter delivers, and ours tells what that one did wrong.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { createShadow } from "../../adapter/dist/esm/index.js";
import { AdapterCluster } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const { Adapter } = createRequire(new URL("../../adapter/package.json", import.meta.url))("socket.io-adapter");

// How the other adapters behave that matter here: a server's own sockets hear an event
// at once, the others by a bus that may lose, double and reorder.
class Bus {
  peers = [];
  // Of an event, what is handed to the others, and when: now, or after the next.
  fault = () => "once";
  #held = null;

  carry(from, packet, opts) {
    const others = this.peers.filter((peer) => peer !== from && peer.nsp.name === from.nsp.name);
    const hand = () => {
      for (const peer of others) Adapter.prototype.broadcast.call(peer, structuredClone(packet), opts);
    };
    const fault = this.fault(packet.data[1]);
    if (fault === "later") {
      this.#held = hand;
      return;
    }
    if (fault !== "never") hand();
    if (fault === "twice") hand();
    this.#held?.();
    this.#held = null;
  }
}

function peerAdapter(bus) {
  return class extends Adapter {
    constructor(nsp) {
      super(nsp);
      bus.peers.push(this);
    }
    broadcast(packet, opts) {
      bus.carry(this, packet, opts);
      super.broadcast(packet, opts);
    }
  };
}

const cluster = new AdapterCluster();
await cluster.startBroker();

test("what the other adapter lost, doubled and reordered is told, room by room", async () => {
  const bus = new Bus();
  const graceMs = 500;
  const shadows = [0, 1].map((i) => createShadow({
    broker: cluster.brokerAddress, name: `shadow-${i}`, delivers: peerAdapter(bus), graceMs,
  }));
  const [one, two] = shadows.map(({ adapter }) => cluster.serve(adapter, (server) => {
    server.on("connection", (socket) => socket.join(["clean", "faulty"]));
  }));
  const client = await cluster.connect(two);
  // Events count once the room was followed for as long as one way may be late.
  const rooms = () => Object.fromEntries(shadows[1].report().map(({ namespace, room, ...counts }) => [room, counts]));
  let warm = 0;
  await until(() => {
    one.to("faulty").to("clean").emit("warm", ++warm);
    const { faulty, clean } = rooms();
    return faulty?.compared > 100 && clean?.compared > 100;
  }, "both ways to be there");
  const begun = performance.now();
  await until(() => performance.now() - begun > 2 * graceMs, "the rooms to be judged");
  const before = rooms();
  client.heard.length = 0;

  const faults = { 3: "never", 5: "twice" };
  for (let i = 0; i < 10; ++i) {
    bus.fault = () => faults[i] ?? "once";
    one.to("faulty").emit("n", i);
    bus.fault = () => "once";
    one.to("clean").emit("n", 100 + i);
  }
  const difference = (room) => {
    const now = rooms()[room];
    return Object.fromEntries(Object.entries(now).map(([name, count]) => [name, count - before[room][name]])
      .filter(([, count]) => count !== 0));
  };
  await until(() => difference("faulty").lost === 1 && difference("clean").compared === 10,
    () => `the judgement; ${JSON.stringify([difference("faulty"), difference("clean")])}`);
  assert.deepEqual(difference("clean"), { compared: 10 });
  assert.deepEqual(difference("faulty"), { compared: 9, lost: 1, doubled: 1 });
  // Clients hear what the other adapter gives them, and nothing of ours.
  assert.deepEqual(client.heard.filter(([, n]) => n < 100).map(([, n]) => n), [0, 1, 2, 4, 5, 5, 6, 7, 8, 9]);

  bus.fault = (n) => (n === 201 ? "later" : "once");
  for (const n of [200, 201, 202]) one.to("faulty").emit("n", n);
  await until(() => difference("faulty").reordered === 1, () => JSON.stringify(difference("faulty")));
  await until(() => difference("faulty").compared === 12, () => JSON.stringify(difference("faulty")));
  assert.deepEqual(difference("faulty"), { compared: 12, lost: 1, doubled: 1, reordered: 1 });
  assert.deepEqual(client.heard.slice(-3).map(([, n]) => n), [200, 202, 201]);
});
