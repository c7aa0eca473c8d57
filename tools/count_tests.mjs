// Counts the tests of one run, in one last line, and fails if any failed:
//   node tools/count_tests.mjs --cpp-status=N --e2e-status=N --tap=FILE XML...
// XML is what GoogleTest wrote of each C++ test, or Bazel in its stead; TAP what
// Node.js' test runner wrote.
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "cpp-status": { type: "string" }, "e2e-status": { type: "string" }, tap: { type: "string" } },
});

const cpp = { passed: 0, failed: 0, skipped: 0 };
for (const path of positionals) {
  if (!existsSync(path)) continue; // It was not built; the status says so.
  for (const [suite] of readFileSync(path, "utf8").matchAll(/<testsuite [^>]*>/g)) {
    const number = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
    const failed = number("failures") + number("errors");
    const skipped = number("skipped") + number("disabled");
    cpp.failed += failed;
    cpp.skipped += skipped;
    cpp.passed += number("tests") - failed - skipped;
  }
}

const tap = readFileSync(values.tap, "utf8");
const line = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(tap)?.[1] ?? 0);
const e2e = { passed: line("pass"), failed: line("fail") + line("cancelled"), skipped: line("skipped") + line("todo") };

// A run that failed before it could say which test did has failed all the same.
if (values["cpp-status"] !== "0" && cpp.failed === 0) cpp.failed = 1;
if (values["e2e-status"] !== "0" && e2e.failed === 0) e2e.failed = 1;
for (const run of [cpp, e2e]) if (run.passed + run.failed === 0) run.failed = 1; // It ran nothing.

const told = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
console.log(`\nC++ ${told(cpp)}; end to end ${told(e2e)}\n`);
const all = Object.fromEntries(Object.keys(cpp).map((key) => [key, cpp[key] + e2e[key]]));
console.log(told(all));
process.exitCode = all.failed > 0 ? 1 : 0;
