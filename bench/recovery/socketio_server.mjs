// Socket.IO on Node.js with its Redis Streams adapter and its connection state
// recovery: clients join, and publish with io.to(room).emit.
//   node socketio_server.mjs PORT REDIS_PORT
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = createClient({ url: `redis://127.0.0.1:${redisPort}` });
await redis.connect();
const io = new Server({
  adapter: createAdapter(redis),
  // Its default; the window is that of the edge.
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true },
  serveClient: false,
});
io.on("connection", (socket) => {
  socket.on("join", async (room, ...rest) => {
    await socket.join(room);
    rest.at(-1)({ ok: true, gap: null });
  });
  socket.on("publish", (room, event, data, options, acknowledge) => {
    io.to(room).emit(event, data, { room });
    acknowledge({ ok: true });
  });
});
io.listen(port);
