// One run under faults: rounds of traffic while things break, each of which ends
// when all is healed, everybody is back and has heard the last publish of every
// room; then the oracle judges the round.
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../until.mjs";
import { FaultyCluster } from "./faulty_cluster.mjs";
import { Member } from "./member.mjs";
import { placeOf } from "./offset.mjs";
import { Oracle } from "./oracle.mjs";
import { describe, makePlan, Random } from "./plan.mjs";
import { Publisher } from "./publisher.mjs";

const kEdges = 2;
const kRoomNames = ["a", "b", "c", "d", "e"];
const kRoundMs = 30_000;
const kSettleTimeoutMs = 90_000;
const kTransports = [["websocket"], ["polling"], ["polling", "websocket"]];

// Options: `seed`; `ms`, how long there are faults; `members`, `perSecond` of
// each of the two publishers; `lastsMsMax` of a fault; `servers`, one of kServers; `edgeFlags`; `say`, which
// takes lines. Resolves to what happened; `cluster` is gone by then, but for the
// logs of its programs.
export async function faultRun({ seed, ms, members: count = 12, perSecond = 150, lastsMsMax = 12_000, servers = "edges", edgeFlags = [], say = () => {} }) {
  const random = new Random(seed);
  const recovers = !edgeFlags.includes("--recovery_window=0");
  const oracle = new Oracle({ placeOf });
  const cluster = new FaultyCluster({ edges: kEdges, servers, edgeFlags, onDeath: (what) => oracle.report("died", what) });
  const result = { seed, rounds: 0, faults: {}, plan: [], oracle, resent: 0, logs: [] };
  const people = [];
  const publishers = [];
  try {
    await cluster.start();
    for (let i = 0; i < count; i++) people.push(newMember(i, { oracle, cluster, random, recovers }));
    for (let i = 0; i < kEdges; i++) {
      const addresses = cluster.addresses;
      publishers.push(new Publisher({
        name: `p${i}`, oracle, addresses: [...addresses.slice(i), ...addresses.slice(0, i)],
        options: { transports: kTransports[i % kTransports.length] } }));
    }
    await settled(people, publishers);
    for (let left = ms; left > 0; left -= kRoundMs) {
      const plan = makePlan(random, { ms: Math.min(left, kRoundMs), lastsMsMax, edges: kEdges, members: count });
      result.plan.push(...plan);
      for (const publisher of publishers) publisher.begin(perSecond, () => random.pick(kRoomNames));
      await carryOut(plan, { cluster, people, result, say });
      for (const publisher of publishers) publisher.pause();
      await endRound({ cluster, people, publishers, oracle });
      result.rounds++;
      say(`round ${result.rounds}: ${oracle.seen.publishes} publishes, ${oracle.seen.deliveries} deliveries, ` +
        `${oracle.recoveries.whole} recovered, ${total(oracle)} findings`);
      if (total(oracle) > 0) break;
    }
  } catch (error) {
    // It never healed: what is known up to here is told too.
    oracle.report("stuck", error.message);
    oracle.judge();
  } finally {
    result.resent = publishers.reduce((sum, { resent }) => sum + resent, 0);
    for (const one of [...people, ...publishers]) one.close();
    await cluster.destroy();
    result.logs = cluster.programs.map(({ name, log }) => ({ name, log }));
  }
  return result;
}

export function total({ counts }) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function newMember(i, { oracle, cluster, random, recovers }) {
  const roams = i % 3 !== 0; // The others stay with their node.
  // A join that resumes sends each room by itself. Those that leave it all to
  // recovery see all their rooms in one order, and lose only what they are told.
  const resumes = !recovers || i % 2 === 0;
  return new Member({
    name: `m${i}`,
    oracle,
    oneOrder: !resumes,
    rooms: kRoomNames.filter((_, room) => (i + room) % 3 !== 0),
    resumes,
    pickAddress: () => (roams ? random.pick(cluster.addresses) : cluster.addresses[i % kEdges]),
    options: { transports: kTransports[i % kTransports.length] },
  });
}

async function carryOut(plan, { cluster, people, result, say }) {
  const began = performance.now();
  const busy = new Set(); // One fault of a process or link at a time.
  const healing = [];
  for (const step of plan) {
    await sleep(Math.max(0, began + step.at - performance.now()));
    const { fault, target, lasts } = step;
    if (fault === "cut client" || fault === "mass reconnect") {
      note(result, step);
      for (const one of fault === "cut client" ? [people[target]] : people.filter((_, i) => i % kEdges === target)) one.cut();
      continue;
    }
    const what = `${fault.replace(/^(kill|stop) /, "")} ${target}`;
    if (busy.has(what)) continue;
    busy.add(what);
    note(result, step);
    say(describe(step));
    const heal = await cluster.break(step);
    healing.push(sleep(lasts).then(heal).then(() => busy.delete(what)));
  }
  await Promise.all(healing);
}

function note(result, { fault, how }) {
  const kind = how ? `${fault}: ${how}` : fault;
  result.faults[kind] = (result.faults[kind] ?? 0) + 1;
}

async function endRound({ cluster, people, publishers, oracle }) {
  await cluster.healthy();
  await settled(people, publishers);
  await until(() => publishers.every(({ isQuiet }) => isQuiet), "every publish to be answered", kSettleTimeoutMs);
  const last = new Map();
  await Promise.all(kRoomNames.map(async (room) => last.set(room, await publishers[0].publish(room))));
  const deaf = () => people.flatMap((one) =>
    one.rooms.filter((room) => one.heardLast.get(room) !== last.get(room)).map((room) => `${one.name} in ${room}`));
  await until(() => deaf().length === 0, () => `the last publish of each room; not heard by ${deaf().join(", ")}`, kSettleTimeoutMs);
  oracle.judge();
}

async function settled(people, publishers) {
  const away = () => people.filter(({ isSettled }) => !isSettled).map(({ name }) => name);
  await until(() => away().length === 0, () => `all to be in their rooms; not ${away().join(", ")}`, kSettleTimeoutMs);
  await until(() => publishers.every(({ isConnected }) => isConnected), "the publishers to connect", kSettleTimeoutMs);
}
