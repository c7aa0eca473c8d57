// The package as npm packs it installs and works in an empty folder, by import and
// by require, with its types.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AdapterCluster } from "./adapter_cluster.mjs";

const run = promisify(execFile);
const kAdapter = fileURLToPath(new URL("../../adapter", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "roomlog-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const kUse = `
const io = new Server(0, { adapter: createAdapter({ broker: process.argv[2] }) });
io.on("connection", (socket) => {
  socket.join("room");
  io.to("room").emit("hello", 1, Buffer.from("x"));
});
const client = connect("http://127.0.0.1:" + io.httpServer.address().port, { transports: ["websocket"] });
client.on("hello", (...args) => {
  console.log(JSON.stringify(args.map(String)));
  client.disconnect();
  io.close();
});
`;
const kTyped = `
import { Server } from "socket.io";
import { createAdapter, createEmitter, RoomlogAdapter, RoomlogError, type HistoryResult } from "@roomlog/socket.io-adapter";
const io = new Server({ adapter: createAdapter({ broker: "tcp://127.0.0.1:7400", name: "a" }), connectionStateRecovery: {} });
const adapter = io.of("/").adapter as RoomlogAdapter;
export const page: Promise<HistoryResult> = adapter.history("room", { last: 10 });
export const offset: Promise<string> = adapter.publish("room", "said", [1], { id: "i" }).then((given) => given.offset);
adapter.on("error", (error: RoomlogError) => console.log(error.code));
export const emitted: Promise<void> = createEmitter({ broker: "tcp://127.0.0.1:7400" }).to("room").volatile.emit("e", 1);
`;

test("it installs and works in an empty folder", async () => {
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: kAdapter });
  const [packed] = readdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{"private":true}');
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
    `./${packed}`, "socket.io@4.8.4", "socket.io-client@4.8.4", "@types/node@18"], { cwd: folder });

  const cluster = new AdapterCluster();
  await cluster.startBroker();
  const programs = {
    "use.mjs": `import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { createAdapter } from "@roomlog/socket.io-adapter";${kUse}`,
    "use.cjs": `const { Server } = require("socket.io");
const { io: connect } = require("socket.io-client");
const { createAdapter } = require("@roomlog/socket.io-adapter");${kUse}`,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), text);
    const { stdout } = await run(process.execPath, [name, cluster.brokerAddress], { cwd: folder, timeout: 30_000 });
    assert.equal(stdout, '["1","x"]\n', name);
  }
  for (const name of ["typed.mts", "typed.cts"]) {
    writeFileSync(join(folder, name), kTyped);
    await run(process.execPath, [join(kAdapter, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict",
      "--module", "node16", "--target", "es2022", "--types", "node", "--skipLibCheck", name], { cwd: folder })
      .catch(({ stdout }) => assert.fail(`${name}: ${stdout}`));
  }
});
