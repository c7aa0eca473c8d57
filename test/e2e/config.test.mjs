// The example configuration and the units in deploy/ are what the programs take.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Program, kBinaries } from "./cluster.mjs";
import { Signer, jwks } from "./signer.mjs";
import { until } from "./until.mjs";

const kDeploy = fileURLToPath(new URL("../../deploy", import.meta.url));
const kBroker = join(kBinaries, "broker/roomlog-broker");
const kEdge = join(kBinaries, "node/roomlog-edge");
const directory = mkdtempSync(join(tmpdir(), "roomlog-config-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const keygen = (name) =>
  execFileSync(join(kBinaries, "broker/keygen/roomlog-keygen"), [join(directory, name)], { encoding: "utf8" }).trim();

// The example, with the addresses and files of this test, and all else as it is.
function adapt(example, replacements) {
  let text = readFileSync(join(kDeploy, example), "utf8");
  for (const [name, value] of Object.entries(replacements)) {
    const line = new RegExp(`^${name} = .*$`, "m");
    assert.match(text, line, `${example} sets ${name}`);
    text = text.replace(line, () => `${name} = ${value}`);
  }
  const path = join(directory, example);
  writeFileSync(path, text);
  return path;
}

test("the examples bring up a broker and a node that know each other", async () => {
  const brokerKey = keygen("broker.key");
  writeFileSync(join(directory, "nodes"), `${keygen("edge.key")} edge-1\n`);
  writeFileSync(join(directory, "tokens.jwks"), jwks(new Signer("ES256", "1")));
  const broker = new Program("broker", kBroker, [`--config=${adapt("roomlog-broker.conf", {
    listen: "tcp://0.0.0.0:0", data: join(directory, "data"),
    key_file: join(directory, "broker.key"), allowed_nodes: join(directory, "nodes"),
  })}`]);
  let edge;
  try {
    const address = (await broker.start()).replace("0.0.0.0", "127.0.0.1");
    edge = new Program("edge", kEdge, [`--config=${adapt("roomlog-edge.conf", {
      listen: "0.0.0.0:0", broker: address, key_file: join(directory, "edge.key"), broker_key: brokerKey,
      auth_keys: join(directory, "tokens.jwks"),
    })}`, "--name=edge-1"]);
    const health = new URL("/healthz", (await edge.start()).replace("0.0.0.0", "127.0.0.1"));
    await until(async () => (await fetch(health)).ok, "the edge to be healthy");
  } finally {
    await edge?.kill();
    await broker.kill();
  }
});

for (const [path, need] of [[kBroker, `data = ${join(directory, "x")}\n`], [kEdge, "broker = none\n"]]) {
  const name = path.split("/").at(-1);
  for (const [what, text, say] of [
    ["an unknown name", `${need}# a comment\nlisen = 1\n`, `:3: there is no flag "lisen"`],
    ["a wrong value", `${need}\nopen = perhaps\n`, ":3: Illegal value 'perhaps'"],
    ["no value", `${need}open\n`, `:2: "open" is not`],
  ]) {
    test(`${name} stops at ${what} in its file, and says where`, async () => {
      const file = join(directory, `${name}.conf`);
      writeFileSync(file, text);
      const program = new Program(name, path, [`--config=${file}`]);
      program.launch();
      assert.equal((await program.ended()).code, 1);
      assert.ok(program.log.join("\n").includes(file + say), program.log.join("\n"));
    });
  }
  test(`${name} takes the command line before its file`, async () => {
    const file = join(directory, `${name}.conf`);
    const scheme = name === "roomlog-broker" ? "tcp://" : "";
    writeFileSync(file, `${need}listen = ${scheme}0.0.0.0:0\n`);
    const program = new Program(name, path, [`--config=${file}`, `--listen=${scheme}127.0.0.1:0`]);
    assert.match(await program.start(), /127\.0\.0\.1:/);
    await program.kill();
  });
}

test("the units start the programs with the examples, and systemd understands them", { skip: !hasSystemd() }, () => {
  for (const unit of readdirSync(kDeploy).filter((file) => file.endsWith(".service"))) {
    // With programs that are there, as it looks for them.
    const text = readFileSync(join(kDeploy, unit), "utf8").replace("/usr/bin/roomlog-", "/bin/true --roomlog-");
    writeFileSync(join(directory, unit), text);
    const said = execFileSync("systemd-analyze", ["verify", "--man=no", join(directory, unit)],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    assert.equal(said.trim(), "");
  }
});

function hasSystemd() {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
