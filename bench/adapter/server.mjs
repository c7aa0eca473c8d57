// A Socket.IO server with one of the adapters, which says where it listens:
//   node --expose-gc server.mjs --adapter=roomlog|redis|redis-streams|none --at=ADDRESS [--recovery]
// Its clients ask it to emit to others, and what that costs.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter as createRedis } from "@socket.io/redis-adapter";
import { createAdapter as createRedisStreams } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { createAdapter as createRoomlog } from "../../adapter/dist/esm/index.js";

const { values: flags } = parseArgs({
  options: { adapter: { type: "string" }, at: { type: "string" }, recovery: { type: "boolean" } },
});

async function redis() {
  const client = createClient({ url: `redis://${flags.at}` });
  await client.connect();
  return client;
}

const kAdapters = {
  roomlog: async () => createRoomlog({ broker: `tcp://${flags.at}` }),
  redis: async () => createRedis(await redis(), await redis()),
  "redis-streams": async () => createRedisStreams(await redis()),
  none: async () => undefined, // Socket.IO's own.
};

const http = createServer();
const adapter = await kAdapters[flags.adapter]();
const io = new Server(http, {
  serveClient: false,
  ...(adapter ? { adapter } : {}),
  ...(flags.recovery ? { connectionStateRecovery: {} } : {}),
});

io.on("connection", (socket) => {
  socket.on("join", async (room, ack) => {
    await socket.join(room);
    ack();
  });
  // Its clock is that of all processes of this machine.
  socket.on("emit", (room, count, payload) => {
    for (let i = 0; i < count; ++i) io.to(room).emit("n", process.hrtime.bigint().toString(), payload);
  });
  socket.on("fetch", async (room, ack) => {
    const begun = process.hrtime.bigint();
    const found = await io.in(room).fetchSockets().then(({ length }) => length, () => null); // Null: it failed.
    ack({ found, ms: Number(process.hrtime.bigint() - begun) / 1e6 });
  });
  socket.on("cost", (ack) => {
    globalThis.gc();
    const { user, system } = process.cpuUsage();
    const { heapUsed, external } = process.memoryUsage();
    ack({ cpuUs: user + system, heapBytes: heapUsed + external });
  });
});

http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
