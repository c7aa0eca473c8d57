// The room application of an edge, as far as members and publishers ask for it, by a
// server on Node.js:
//   node node_server.mjs --broker=ADDRESS --name=NAME --listen=HOST:PORT --recovery_window=MILLISECONDS
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { createAdapter } from "../../../adapter/dist/esm/index.js";

const { Server } = createRequire(new URL("../../../adapter/package.json", import.meta.url))("socket.io");
const { values: flags } = parseArgs({
  options: {
    broker: { type: "string" }, name: { type: "string" }, listen: { type: "string" }, recovery_window: { type: "string" },
  },
});
const window = Number(flags.recovery_window);

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter({ broker: flags.broker, name: flags.name }),
  ...(window > 0 ? { connectionStateRecovery: { maxDisconnectionDuration: window } } : {}),
});
const { adapter } = io.of("/");
adapter.on("error", (error) => console.error(String(error)));
adapter.on("gap", (gap) => console.error(`gap ${JSON.stringify(gap)}`));

const asAnswer = (promise) => promise.then(
  (answer) => ({ ok: true, ...answer }),
  ({ code = "internal", message }) => ({ ok: false, error: { code, message } }));

// Whoever came back may not know that it is in the room already. It has what is said
// there since.
async function join(socket, room, options) {
  if (socket.rooms.has(room)) return { gap: null };
  return { gap: null, ...await adapter.replay(socket, room, options) };
}

io.on("connection", (socket) => {
  socket.on("join", async (room, ...rest) => {
    const ack = rest.pop();
    ack(await asAnswer(join(socket, room, rest[0] ?? {})));
  });
  socket.on("publish", async (room, event, data, { id }, ack) => {
    ack(await asAnswer(adapter.publish(room, event, [data], { id, meta: true })));
  });
});

// It is well if the broker answers it. Whoever asks gives up by itself.
http.on("request", (request, response) => {
  if (request.url !== "/healthz") return;
  adapter.history("healthz", { last: 1 }).then(() => response.end("ok"), (error) => {
    response.statusCode = 503;
    response.end(error.message);
  });
});

const { hostname, port } = new URL(`http://${flags.listen}`);
http.listen(Number(port), hostname, () => {
  console.log(`node_server listening on http://${hostname}:${http.address().port}`);
});
