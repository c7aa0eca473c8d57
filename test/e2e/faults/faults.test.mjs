// Short runs under faults; ./dev faults has the long ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultRun, total } from "./fault_run.mjs";
import { kServers } from "./faulty_cluster.mjs";

const kSeed = 1;

for (const servers of Object.keys(kServers)) {
  test(`with ${servers} clients miss nothing, see nothing twice and agree, whatever breaks for 20 seconds`, { timeout: 240_000 }, async (t) => {
    const { oracle, plan, logs } = await faultRun({ seed: kSeed, ms: 20_000, lastsMsMax: 3_000, servers });
    if (total(oracle) > 0) {
      t.diagnostic(`seed ${kSeed}: ${JSON.stringify(plan)}`);
      for (const { name, log } of logs) for (const line of log.slice(-30)) t.diagnostic(`${name}: ${line}`);
    }
    assert.deepEqual(oracle.findings, []);
    assert.ok(oracle.seen.deliveries > oracle.seen.publishes, "they heard");
  });
}
