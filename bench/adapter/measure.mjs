// Asks servers with one adapter what broadcasts cost, as a line of JSON:
//   node measure.mjs --measure=broadcasts --servers=EMITS,HEARS,HOLDS_NOTHING --seconds=N --emits=N
//   node measure.mjs --measure=memory --servers=ONE --sockets=N
//   node measure.mjs --measure=fetch --servers=ASKS,PAUSED --sockets=N --pause=PID
import { parseArgs } from "node:util";
import { io } from "socket.io-client";

const { values: flags } = parseArgs({
  options: {
    measure: { type: "string" }, servers: { type: "string" }, seconds: { type: "string" },
    emits: { type: "string" }, sockets: { type: "string" }, pause: { type: "string" },
  },
});
const servers = flags.servers.split(",").map((port) => `http://127.0.0.1:${port}`);

// Emits on their way at a time. Enough to keep every adapter busy, and few enough that
// none of them queues without a bound.
const kInFlight = 4000;
const kBatch = 100;
const kPayload = "x".repeat(100);

async function connect(address) {
  const socket = io(address, { transports: ["websocket"], forceNew: true });
  await new Promise((done, fail) => socket.once("connect", done).once("connect_error", fail));
  return socket;
}
const cost = (socket) => socket.timeout(30_000).emitWithAck("cost");
const nowNs = () => process.hrtime.bigint();

async function broadcasts() {
  const [emits, hears, idle] = await Promise.all(servers.map(connect));
  await hears.timeout(10_000).emitWithAck("join", "room");
  let onHeard = () => {};
  hears.on("n", (sentNs) => onHeard(BigInt(sentNs)));
  // Until the room is followed nothing comes.
  await new Promise((done) => {
    onHeard = done;
    const again = setInterval(() => emits.emit("emit", "room", 1, ""), 50);
    hears.once("n", () => clearInterval(again));
  });
  await new Promise((done) => setTimeout(done, 1000)); // What else was said then.

  // One at a time.
  const latencies = [];
  for (let i = 0; i < Number(flags.emits); ++i) {
    await new Promise((done) => {
      onHeard = (sentNs) => done(latencies.push(Number(nowNs() - sentNs) / 1e6));
      emits.emit("emit", "room", 1, kPayload);
    });
  }
  latencies.sort((a, b) => a - b);

  // Many.
  const before = await Promise.all([emits, hears, idle].map(cost));
  let sent = 0;
  let heard = 0;
  let last = 0n;
  let outOfOrder = 0;
  let isOver = false;
  const begun = nowNs();
  const ask = () => {
    sent += kBatch;
    emits.emit("emit", "room", kBatch, kPayload);
  };
  await new Promise((done, fail) => {
    const limit = setTimeout(() => fail(new Error(`${sent} were emitted, ${heard} heard`)),
      1000 * Number(flags.seconds) + 30_000);
    onHeard = (sentNs) => {
      if (sentNs < last) ++outOfOrder;
      last = sentNs;
      ++heard;
      if (nowNs() - begun > BigInt(flags.seconds) * 1_000_000_000n) isOver = true;
      if (!isOver && sent - heard <= kInFlight - kBatch) ask();
      if (isOver && heard === sent) {
        clearTimeout(limit);
        done();
      }
    };
    while (sent < kInFlight) ask();
  });
  const seconds = Number(nowNs() - begun) / 1e9;
  const after = await Promise.all([emits, hears, idle].map(cost));
  const [emitCpu, hearCpu, idleCpu] = after.map(({ cpuUs }, i) => (cpuUs - before[i].cpuUs) / 1e6);
  for (const socket of [emits, hears, idle]) socket.disconnect();
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))];
  return {
    heard, out_of_order: outOfOrder, per_second: heard / seconds, p50_ms: at(0.5), p99_ms: at(0.99),
    emits_cpu_us: (emitCpu * 1e6) / heard, hears_cpu_us: (hearCpu * 1e6) / heard, idle_cpu: idleCpu / seconds,
  };
}

// What a server's heap holds for each socket, in a room of its own.
async function memory() {
  const watch = await connect(servers[0]);
  const count = Number(flags.sockets);
  const before = await cost(watch);
  const sockets = [];
  for (let i = 0; i < count; ++i) {
    sockets.push(await connect(servers[0]));
    await sockets.at(-1).timeout(10_000).emitWithAck("join", "room");
  }
  const after = await cost(watch);
  for (const socket of [watch, ...sockets]) socket.disconnect();
  return { bytes_each: (after.heapBytes - before.heapBytes) / count };
}

// How long fetchSockets() takes for a room of sockets on both servers, and when one of
// these is paused.
async function fetch() {
  const count = Number(flags.sockets);
  const sockets = await Promise.all(Array.from({ length: count }, (_, i) => connect(servers[i % servers.length])));
  for (const socket of sockets) await socket.timeout(10_000).emitWithAck("join", "room");
  const ask = () => sockets[0].timeout(60_000).emitWithAck("fetch", "room");
  while ((await ask()).found !== count); // Until all servers know each other.
  const running = [];
  for (let i = 0; i < 100; ++i) running.push((await ask()).ms);
  running.sort((a, b) => a - b);
  process.kill(Number(flags.pause), "SIGSTOP");
  const paused = await ask();
  process.kill(Number(flags.pause), "SIGCONT");
  for (const socket of sockets) socket.disconnect();
  return { p50_ms: running[50], p99_ms: running[98], paused_ms: paused.ms, paused_found: paused.found };
}

console.log(JSON.stringify(await { broadcasts, memory, fetch }[flags.measure]()));
process.exit(0);
