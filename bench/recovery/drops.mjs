// Clients of two nodes that are cut off all the time and come back, to either
// node, while events are published on both; what they saw is judged by the oracle
// of the fault tests. Prints one line of JSON. See bench/README.md.
import { parseArgs } from "node:util";
import { Member } from "../../test/e2e/faults/member.mjs";
import { placeOf } from "../../test/e2e/faults/offset.mjs";
import { Oracle } from "../../test/e2e/faults/oracle.mjs";
import { Random } from "../../test/e2e/faults/plan.mjs";
import { Publisher } from "../../test/e2e/faults/publisher.mjs";
import { until } from "../../test/e2e/until.mjs";

const { values } = parseArgs({
  options: {
    nodes: { type: "string" }, // Their addresses, by commas.
    clients: { type: "string", default: "20" }, // Of each node, at first.
    rate: { type: "string", default: "100" }, // Publishes a second on each node.
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    // The server is ours: offsets have an order, and who is not recovered joins
    // after the last of them.
    roomlog: { type: "boolean", default: false },
  },
});
const kRooms = ["a", "b", "c", "d", "e"];
const kDropMs = [60, 180];
const kPatienceMs = 30_000;

const random = new Random(Number(values.seed));
const addresses = values.nodes.split(",");
const oracle = new Oracle({ placeOf: values.roomlog ? placeOf : null, sendersInOrder: true });
const options = { transports: ["websocket"], reconnectionDelay: 10, reconnectionDelayMax: 50 };

const newMember = (name, rooms, pickAddress) =>
  new Member({ name, oracle, rooms, resumes: values.roomlog, pickAddress, options });
// One on each node is never cut off: it knows what was said.
const anchors = addresses.map((address, i) => newMember(`anchor ${i}`, kRooms, () => address));
const dropped = Array.from({ length: Number(values.clients) * addresses.length }, (_, i) =>
  newMember(`client ${i}`, kRooms.filter((_, room) => (i + room) % 5 < 3), () => random.pick(addresses)));
const publishers = addresses.map((address, i) => new Publisher({ name: `p${i}`, oracle, addresses: [address], options }));
const members = [...anchors, ...dropped];
const settled = () =>
  until(() => members.every(({ isSettled }) => isSettled) && publishers.every(({ isConnected }) => isConnected),
    "all to be in their rooms", kPatienceMs);

await settled();
const began = performance.now();
for (const publisher of publishers) publisher.begin(Number(values.rate), () => random.pick(kRooms));
let drops = 0;
let isOver = false;
for (const one of dropped) {
  // From each connection on: else a slow server's clients would never get in.
  one.socket.on("connect", () => {
    setTimeout(() => isOver || (drops++, one.cut()), random.between(...kDropMs));
  });
  setTimeout(() => one.cut(), random.between(...kDropMs));
}
await new Promise((done) => setTimeout(done, Number(values.seconds) * 1000));
for (const publisher of publishers) publisher.pause();
isOver = true;
await settled();
await until(() => publishers.every(({ isQuiet }) => isQuiet), "the answers", kPatienceMs);
const seconds = (performance.now() - began) / 1000;
const last = new Map();
for (const room of kRooms) last.set(room, await publishers[0].publish(room));
// Whoever never hears it, misses it: that is a finding, and no end of the run.
await until(() => members.every(({ rooms, heardLast }) => rooms.every((room) => heardLast.get(room) === last.get(room))),
  "the last publishes", kPatienceMs).catch(() => {});
oracle.judge();

const { counts, recoveries, seen } = oracle;
console.log(JSON.stringify({
  seconds, drops, publishes: seen.publishes, deliveries: seen.deliveries,
  recovered: recoveries.whole,
  anew: Object.values(recoveries.fresh).reduce((sum, count) => sum + count, 0),
  missing: counts.missing + counts.lost,
  twice: counts.twice + counts["appended twice"] + counts.stray,
  out_of_order: counts["sender's order"] + counts["offset fell"],
  false_recovered: counts["false recovered"],
  disorder: counts.disorder,
  other: counts.refused + counts.stuck + counts["offset reused"] + counts["wrong offset"],
}));
for (const { kind, what } of oracle.findings.slice(0, 20)) console.error(`${kind}: ${what}`);
process.exit();
