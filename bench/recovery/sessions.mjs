// What recovery costs a cluster of ours: one session's, ten thousand at once after
// a node was killed, and the memory of sessions that wait. Prints one line of
// JSON. See bench/README.md.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { until } from "../../test/e2e/until.mjs";
import { RawClient } from "./raw_client.mjs";

const { values } = parseArgs({
  options: {
    measure: { type: "string" }, // single, storm or memory.
    nodes: { type: "string" }, // Their addresses, by commas.
    pids: { type: "string" }, // Of the nodes, then of the broker.
    clients: { type: "string", default: "10000" },
    rounds: { type: "string", default: "300" },
  },
});
const kConnectingMax = 200; // Few enough for any listener's queue.
const kPatienceMs = 120_000;
const nodes = values.nodes.split(",");
const pids = values.pids.split(",").map(Number);
const count = Number(values.clients);

// Runs `work` for each number below `total`, some at once.
async function each(total, work, atOnce = kConnectingMax) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < total) await work(next++);
  }));
}

async function stored(answer) {
  const { ok, error } = await answer;
  if (!ok) throw new Error(`refused: ${JSON.stringify(error)}`);
}

async function connected(address) {
  const client = new RawClient();
  await client.connect(address);
  if (!client.pid) throw new Error("the server offers no recovery");
  return client;
}

function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

// One session that missed 512 events in 5 rooms, again and again. Timed from its
// CONNECT until the server's, before which all that was missed has come.
async function single() {
  const kMissed = 512;
  const rooms = ["a", "b", "c", "d", "e"];
  const publisher = await connected(nodes[0]);
  const client = await connected(nodes[0]);
  for (const room of rooms) await stored(client.ask("join", room));
  const publish = (total) => each(total, (i) => stored(publisher.ask("publish", rooms[i % 5], "message", i)));
  await publish(5);
  await until(() => client.heard === 5, "the first events");
  const millis = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    client.cut();
    await publish(kMissed);
    client.heard = 0;
    await client.connect(nodes[round % nodes.length]);
    const took = performance.now() - client.askedAt;
    if (!client.recovered || client.heard !== kMissed) {
      throw new Error(`round ${round}: recovered ${client.recovered}, ${client.heard} of ${kMissed} events`);
    }
    if (round >= Number(values.rounds) / 10) millis.push(took); // Warm by then.
  }
  millis.sort((a, b) => a - b);
  return { recoveries: millis.length, p50_ms: quantile(millis, 0.5), p99_ms: quantile(millis, 0.99) };
}

// All clients are on the first node, which is killed. Each misses 100 events and
// recovers on the second, while one publishes there and one listens.
async function storm() {
  const kMissed = 100;
  const kRooms = 100;
  const clients = [];
  await each(count, async (i) => {
    const client = await connected(nodes[0]);
    await stored(client.ask("join", `room ${i % kRooms}`));
    clients.push(client);
  });
  const publisher = await connected(nodes[1]);
  const listener = await connected(nodes[1]);
  await stored(listener.ask("join", "latency"));
  const toAll = (times) =>
    each(times * kRooms, (i) => stored(publisher.ask("publish", `room ${i % kRooms}`, "message", i)));
  await toAll(1);
  await until(() => clients.every(({ heard }) => heard === 1), "the first events", kPatienceMs);

  let millis = [];
  listener.onEvent = ([, sentAt]) => millis.push(performance.now() - sentAt);
  const timer = setInterval(() => publisher.ask("publish", "latency", "message", performance.now()), 5);
  const p99 = () => {
    const sorted = millis.sort((a, b) => a - b);
    millis = [];
    return quantile(sorted, 0.99);
  };
  await new Promise((done) => setTimeout(done, 5_000));
  const quiet = p99();
  process.kill(pids[0], "SIGKILL");
  for (const client of clients) client.cut();
  await toAll(kMissed);
  millis = [];
  const cpu = cpuSeconds(pids[1]) + cpuSeconds(pids[2]);
  const began = performance.now();
  for (const client of clients) client.heard = 0;
  await each(count, (i) => clients[i].connect(nodes[1]), 1_000);
  const seconds = (performance.now() - began) / 1000;
  clearInterval(timer);
  const used = cpuSeconds(pids[1]) + cpuSeconds(pids[2]) - cpu;
  const whole = clients.filter(({ recovered, heard }) => recovered && heard === kMissed).length;
  return { clients: count, whole, seconds, cpu_us: (used / count) * 1e6, quiet_p99_ms: quiet, storm_p99_ms: p99() };
}

// Sessions in 3 rooms each whose clients are gone.
async function memory() {
  const broker = pids.at(-1);
  const one = async (i) => {
    const client = await connected(nodes[i % nodes.length]);
    for (let room = 0; room < 3; room++) await stored(client.ask("join", `room ${(i + room) % 1000}`));
    client.cut();
  };
  await each(1_000, one); // What is allocated once is not the sessions'.
  const before = residentBytes(broker);
  await each(count, one);
  const after = residentBytes(broker);
  return { sessions: count, resident_before: before, resident_after: after, bytes_each: (after - before) / count };
}

console.log(JSON.stringify(await { single, storm, memory }[values.measure]()));
process.exit();
