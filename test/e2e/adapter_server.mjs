// A Socket.IO server on Node.js with our adapter, which does what library_server.cc
// does with its clients' events:
//   node adapter_server.mjs --broker=ADDRESS --name=NAME [--queued-events-max=N]
//     [--recovery-window=MILLISECONDS] [--skip-middlewares]
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { createAdapter } from "../../adapter/dist/esm/index.js";

const require = createRequire(new URL("../../adapter/package.json", import.meta.url));
const { Server } = require("socket.io");

const { values: flags } = parseArgs({
  options: {
    broker: { type: "string" }, name: { type: "string" }, "queued-events-max": { type: "string" },
    "recovery-window": { type: "string" }, "skip-middlewares": { type: "boolean" },
  },
});

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter({
    broker: flags.broker,
    name: flags.name,
    ...(flags["queued-events-max"] ? { queuedEventsMax: Number(flags["queued-events-max"]) } : {}),
  }),
  ...(flags["recovery-window"] ? {
    connectionStateRecovery: {
      maxDisconnectionDuration: Number(flags["recovery-window"]),
      skipMiddlewares: flags["skip-middlewares"] ?? false,
    },
  } : {}),
});
const errors = [];
io.of("/").adapter.on("error", (error) => errors.push(error.code));

function choose(socket, options) {
  let chosen = options.broadcast ? socket.broadcast : socket.nsp.to([]);
  if (options.to) chosen = chosen.to(options.to);
  if (options.except) chosen = chosen.except(options.except);
  if (options.volatile) chosen = chosen.volatile;
  if (options.local) chosen = chosen.local;
  if (options.timeout) chosen = chosen.timeout(options.timeout);
  return chosen;
}

// As the library answers: what went wrong, or "", and what came.
const told = (promise, look = (answer) => answer) => promise.then(
  (answer) => ["", look(answer)], (error) => [error.message, look(error.responses ?? error.sockets ?? [])]);

function serve(socket) {
  const adapter = socket.nsp.adapter;
  if (!socket.recovered) socket.data.node = flags.name;
  socket.emit("auth", socket.handshake.auth);
  socket.on("emit", (options, event, ...rest) => {
    const ack = rest.pop();
    choose(socket, options).emit(event, ...rest);
    ack();
  });
  socket.on("emit-with-ack", async (options, event, ...rest) => {
    const ack = rest.pop();
    ack(...await told(choose(socket, { timeout: 5000, ...options }).emitWithAck(event, ...rest)));
  });
  socket.on("fetch", async (options, ack) => {
    ack(...await told(choose(socket, options).fetchSockets(), (sockets) => sockets.map(
      ({ id, rooms, data, handshake: { auth, url } }) => ({ id, rooms: [...rooms], data, auth, url }))));
  });
  socket.on("sockets-join", (options, rooms, ack) => (choose(socket, options).socketsJoin(rooms), ack()));
  socket.on("sockets-leave", (options, rooms, ack) => (choose(socket, options).socketsLeave(rooms), ack()));
  socket.on("join-and-emit", (options, room, value) => {
    choose(socket, options).socketsJoin([room]);
    socket.nsp.to(room).emit("hello", value);
  });
  socket.on("disconnect-sockets", (options, close) => choose(socket, options).disconnectSockets(close));
  socket.on("server-side-emit", (event, ...args) => socket.nsp.serverSideEmit(event, ...args));
  socket.on("server-side-ask", async (event, ...args) => {
    const ack = args.pop();
    ack(...await told(socket.nsp.serverSideEmitWithAck(event, ...args)));
  });
  socket.on("session", (ack) => ack({ recovered: socket.recovered, middlewares }));
  socket.on("tell-me", (...event) => socket.emit(...event));
  socket.on("tell-me-volatile", (...event) => socket.volatile.emit(...event));
  socket.on("ask-me-later", (...event) => socket.emit(...event, () => {}));
  socket.on("data", (key, value, ack) => {
    socket.data[key] = value;
    ack(socket.data);
  });
  // As programs do that do not wait.
  socket.on("join-at-once", (room, ack) => (socket.join(room), ack()));
  socket.on("leave-me", () => socket.disconnect());
  socket.on("join", async (room, options, ack) => {
    if (ack === undefined) {
      await socket.join(room);
      options();
      return;
    }
    const { start, ...rest } = options;
    const answer = await told(adapter.replay(socket, room, { ...rest, ...(start ? { from: "start" } : {}) }));
    ack(answer[0] || null, answer[1].replayed, answer[1].offset, answer[1].gap);
  });
  socket.on("leave", (room, ack) => (socket.leave(room), ack()));
  socket.on("rooms", (ack) => ack([...socket.rooms].filter((room) => room !== socket.id)));
  socket.on("publish", async (room, event, data, id, ack) => {
    const [error, answer] = await told(adapter.publish(room, event, [data], { id, meta: true }));
    ack(error || null, answer.offset, answer.duplicate);
  });
  socket.on("history", async (room, options, ack) => ack(...await told(adapter.history(room, options))));
  socket.on("server-count", async (ack) => ack(...await told(adapter.serverCount())));
  socket.on("errors", (ack) => ack(errors));
  socket.on("watch-outgoing", () => socket.onAnyOutgoing((...event) => {
    if (event[0] !== "outgoing") io.local.emit("outgoing", event);
  }));
}

let middlewares = 0;
io.use((socket, next) => {
  ++middlewares;
  setImmediate(() => (socket.handshake.auth.refuse ? next(new Error("refused")) : next()));
});
io.on("connection", serve);
io.of("/chat").on("connection", serve);
io.of(/^\/dynamic-/).on("connection", serve);
for (const nsp of [io.of("/"), io.of("/chat")]) {
  nsp.on("announce", (news) => nsp.local.emit("announced", news, flags.name));
  nsp.on("who-are-you", (ack) => ack(flags.name));
  nsp.on("say-nothing", () => {});
}

http.listen(0, "127.0.0.1", () => {
  console.log(`adapter_server listening on http://127.0.0.1:${http.address().port}`);
});
// It ends by itself if, and only if, nothing is left open.
process.on("SIGTERM", () => io.close());
