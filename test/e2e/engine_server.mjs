// The bare Engine.IO server of examples/engine_echo.cc, as a process.
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(kHere, process.env.ROOMLOG_BIN ?? "../../bazel-bin");
const kPatienceMs = 20_000;

const servers = [];

export class EngineServer {
  static async start(...flags) {
    const server = new EngineServer();
    server.process = spawn(join(kBinaries, "examples/engine_echo"), flags, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    servers.push(server);
    server.ended = new Promise((done) =>
      server.process.once("exit", (code, signal) => done({ code, signal })));
    server.url = await within("the server listens", new Promise((done, fail) => {
      let text = "";
      server.process.stdout.on("data", (chunk) => {
        text += chunk;
        const match = /^listening on (\S+)$/m.exec(text);
        if (match) done(match[1]);
      });
      server.ended.then(() => fail(new Error("the server ended at once")));
    }));
    server.port = Number(new URL(server.url).port);
    return server;
  }

  async stop() {
    this.process.kill("SIGTERM");
    return within("the server ends", this.ended);
  }

  // Whatever failed: nothing is left running.
  static stopAll() {
    for (const server of servers) server.process.kill("SIGKILL");
  }
}

export function within(what, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not in time: ${what}`)), kPatienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const kEngineUpgrade = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};
