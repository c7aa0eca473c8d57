// A roomlog-edge as servers on Node.js see it: whose address its clients have behind a
// balancer, and what is said to everybody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { io } from "socket.io-client";
import { createAdapter } from "../../adapter/dist/esm/index.js";
import { AdapterCluster } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const cluster = new AdapterCluster();
await cluster.startBroker();
const behind = await cluster.addRoomlogEdge("behind", "--follow_namespaces", "--trusted_proxies=127.0.0.1,10.1.0.0/16");
const open = await cluster.addRoomlogEdge("open", "--follow_namespaces");
const server = cluster.serve(createAdapter({ broker: cluster.brokerAddress }));

// The address that the others are told of a client with such headers.
async function addressOf(edge, transport, extraHeaders) {
  const socket = io(edge.address, { transports: [transport], forceNew: true, reconnection: false, extraHeaders });
  cluster.sockets.push(socket);
  await until(() => socket.connected, "the client to connect");
  const found = async () => (await server.fetchSockets()).find(({ id }) => id === socket.id);
  const { handshake } = await until(found, "the others to see it");
  socket.disconnect();
  return handshake.address;
}

for (const transport of ["polling", "websocket"]) {
  test(`by ${transport}, behind a trusted proxy it is the client's`, async () => {
    assert.equal(await addressOf(behind, transport, { "x-forwarded-for": "203.0.113.9" }), "203.0.113.9");
    // A chain: what stands before an address that is not trusted is only claimed.
    assert.equal(await addressOf(behind, transport, { "x-forwarded-for": "198.51.100.1, 203.0.113.9, 10.1.2.3" }), "203.0.113.9");
    assert.equal(await addressOf(behind, transport, {}), "127.0.0.1");
    assert.equal(await addressOf(behind, transport, { "x-forwarded-for": "garbage" }), "127.0.0.1");
  });

  test(`by ${transport}, of whom is not trusted it is that of the connection, whatever is claimed`, async () => {
    assert.equal(await addressOf(open, transport, { "x-forwarded-for": "203.0.113.9" }), "127.0.0.1");
  });
}

test("what a server says to everybody reaches the clients of an edge that follows namespaces", async () => {
  const sockets = [behind, open].map((edge) => io(edge.address, { transports: ["websocket"], forceNew: true }));
  cluster.sockets.push(...sockets);
  const heard = sockets.map((socket) => new Promise((done) => socket.on("news", done)));
  await until(async () => (await server.fetchSockets()).length === 2, "the server to see both");
  server.emit("news", 5);
  assert.deepEqual(await Promise.all(heard), [5, 5]);
  server.to(sockets[0].id).disconnectSockets();
  await until(() => !sockets[0].connected, "the first to be closed");
  assert.ok(sockets[1].connected);
});
