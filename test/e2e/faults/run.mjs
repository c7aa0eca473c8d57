// ./dev faults: long runs under faults. Exits with 1 if anything was found, and
// keeps the logs of the processes then.
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { faultRun, total } from "./fault_run.mjs";
import { kServers } from "./faulty_cluster.mjs";
import { kKinds } from "./oracle.mjs";
import { describe } from "./plan.mjs";

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string" },
    members: { type: "string", default: "12" },
    rate: { type: "string", default: "150" },
    servers: { type: "string", default: "edges" },
    "edge-flags": { type: "string", default: "" },
    report: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(`Usage: ./dev faults [--minutes=5 | --seconds=N] [--seed=S] [--members=12]
    [--rate=150, of each publisher a second] [--servers=edges | node | mixed] [--edge-flags=FLAG,...]
    [--report=FILE, as markdown]`);
  process.exit();
}
const seconds = Number(values.seconds ?? Number(values.minutes ?? 5) * 60);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error("--minutes, --seconds and --seed take numbers");
  process.exit(2);
}
if (!(values.servers in kServers)) {
  console.error(`--servers takes ${Object.keys(kServers).join(", ")}`);
  process.exit(2);
}
console.log(`seed ${seed}, ${seconds} s of faults`);
const began = performance.now();
const edgeFlags = values["edge-flags"].split(",").filter(Boolean);
const result = await faultRun({
  seed, ms: seconds * 1000, members: Number(values.members), perSecond: Number(values.rate),
  servers: values.servers, edgeFlags,
  say: (line) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}`),
});
const found = total(result.oracle);
const page = report();
console.log(`\n${page}`);
if (values.report) writeFileSync(values.report, page);
if (found > 0) {
  const directory = mkdtempSync(join(tmpdir(), "roomlog-faults-failed-"));
  for (const { name, log } of result.logs) writeFileSync(join(directory, `${name}.log`), `${log.join("\n")}\n`);
  writeFileSync(join(directory, "plan.txt"), `seed ${seed}\n${result.plan.map(describe).join("\n")}\n`);
  writeFileSync(join(directory, "findings.txt"), result.oracle.findings.map(told).join("\n"));
  console.log(`the plan of seed ${seed}, the findings and the logs are in ${directory}`);
}
process.exit(found > 0 ? 1 : 0);

function report() {
  const { oracle, faults, rounds, resent } = result;
  const { whole, fresh } = oracle.recoveries;
  const row = (name, figure) => `| ${name} | ${figure.toLocaleString("en")} |`;
  const rows = (counts, prefix = "") => Object.entries(counts).sort().map(([name, count]) => row(prefix + name, count));
  return [
    "# A run under faults", "",
    `${new Date().toISOString().slice(0, 10)}, commit ${commit()}:`,
    `\`./dev faults --seconds=${seconds} --seed=${seed} --members=${values.members} --rate=${values.rate} --servers=${values.servers}` +
      `${edgeFlags.length ? ` --edge-flags=${edgeFlags}` : ""}\`.`,
    "Two nodes and a broker as processes, official clients by WebSocket, polling and both; a round ends when all is",
    "healed and everybody has heard the last publish of every room, and is then judged by `test/e2e/faults/oracle.mjs`.", "",
    "| faults | |", "|---|---:|", ...rows(faults), "",
    "| what happened | |", "|---|---:|",
    row("rounds", rounds), row("publishes", oracle.seen.publishes), row("of these sent again", resent),
    row("deliveries", oracle.seen.deliveries), row("recovered whole", whole),
    ...rows(fresh, "connected anew, reason "), ...rows(oracle.seen.gaps, "gaps told, reason "), "",
    "| checked | promise | findings |", "|---|---|---:|",
    ...Object.entries(kKinds).map(([kind, [promise, meaning]]) => `| ${kind}: ${meaning} | ${promise} | ${oracle.counts[kind]} |`), "",
    ...oracle.findings.map((finding) => `* ${told(finding)}`),
  ].join("\n").trimEnd() + "\n";
}

function told({ promise, kind, what }) {
  return `${promise}, ${kind}: ${what}`;
}

function commit() {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=10"], { encoding: "utf8" }).trim();
  } catch {
    return "not in git";
  }
}
