// A real cluster for one test: a broker and edge nodes as processes on free
// ports of the loopback, with a data directory of their own. Whatever happens,
// all of it is gone when the test ends; if the test fails, its logs are shown.
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "./client.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
export const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kReadyTimeoutMs = 30_000;
const kStopTimeoutMs = 20_000;
const kLogLinesShown = 60;

const running = new Set();

// Declares a test that gets a cluster. Options: `edges`, the names of the nodes;
// `brokerFlags`, `edgeFlags`; `tmpfsBytes`, to keep the data on a disk of that
// size; `timeout` in milliseconds.
export function story(name, options, tell) {
  if (typeof options === "function") [tell, options] = [options, {}];
  test(name, async (t) => {
    const cluster = new Cluster(options);
    try {
      await cluster.start();
      // Ours, not the test runner's, which would leave the processes behind.
      await withTimeout(tell(cluster, t), options.timeout ?? 120_000, "the end of the test");
    } catch (error) {
      for (const line of cluster.logs()) t.diagnostic(line);
      throw error;
    } finally {
      await cluster.destroy();
    }
  });
}

// One of our programs.
export class Program {
  constructor(name, path, args) {
    this.name = name;
    this.log = [];
    this.path = path;
    this.args = args;
    this.exited = Promise.resolve({ code: null, signal: null });
  }

  get pid() {
    return this.child.pid;
  }

  // Bytes of memory that the process holds now.
  residentBytes() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }

  // Resolves to the address it says it listens on.
  async start(extraArgs = []) {
    this.launch(extraArgs);
    const address = new Promise((found) => {
      let out = "";
      this.child.stdout.on("data", (text) => {
        out += text;
        const line = /^\S+ listening on (\S+)$/m.exec(out);
        if (line) found(line[1]);
      });
    });
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`${this.name} ended (${signal ?? code}) before it was ready:\n${this.log.join("\n")}`);
    });
    ended.catch(() => {}); // Once it is ready, its end is no news here.
    this.address = await withTimeout(
      Promise.race([address, ended]), kReadyTimeoutMs, `${this.name} to listen`);
    return this.address;
  }

  // Starts it without waiting for anything.
  launch(extraArgs = []) {
    // It dies with this process, however that ends.
    const command = ["--pdeathsig", "KILL", this.path, ...this.args, ...extraArgs];
    this.child = spawn("setpriv", command, { stdio: ["ignore", "pipe", "pipe"] });
    const child = this.child;
    running.add(child);
    child.stdout.setEncoding("utf8");
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => this.log.push(...text.trimEnd().split("\n")));
    this.exited = new Promise((done) => {
      child.on("error", (error) => {
        this.log.push(String(error));
        done({ code: 127, signal: null });
      });
      child.on("close", (code, signal) => {
        running.delete(child);
        this.log.push(`--- ended: ${signal ?? code}`);
        done({ code, signal });
      });
    });
  }

  // Resolves to {code, signal} once it has ended by itself.
  ended() {
    return withTimeout(this.exited, kStopTimeoutMs, `${this.name} to end`);
  }

  // Ends it and resolves to {code, signal}. SIGKILL leaves it no time at all.
  kill(signal = "SIGKILL") {
    this.child?.kill(signal);
    return this.ended();
  }
}

export class Cluster {
  constructor({ edges = ["node-a", "node-b"], brokerFlags = [], edgeFlags = [], tmpfsBytes = 0 } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), "roomlog-e2e-"));
    this.data = join(this.directory, "data");
    this.tmpfsBytes = tmpfsBytes;
    this.brokerFlags = brokerFlags;
    this.edgeFlags = edgeFlags;
    this.edgeNames = edges;
    this.edges = [];
    this.clients = [];
    this.programs = []; // All that were made.
    this.broker = this.newBroker();
  }

  newBroker(name = "broker") {
    const path = join(kBinaries, "broker/roomlog-broker");
    const args = [`--data=${this.data}`, ...this.brokerFlags];
    if (!this.tmpfsBytes) return this.#program(name, path, args);
    // A disk of its own, seen by this process alone, and gone with it.
    const mounted = 'mkdir -p "$1" && mount -t tmpfs -o "size=$2" roomlog-e2e "$1" && shift 2 && exec "$@"';
    return this.#program(name, "unshare", [
      ...(process.getuid() === 0 ? [] : ["--map-root-user"]), "--mount",
      "sh", "-c", mounted, "sh", this.data, String(this.tmpfsBytes), path, ...args]);
  }

  #program(...what) {
    const program = new Program(...what);
    this.programs.push(program);
    return program;
  }

  async start() {
    this.brokerAddress = await this.broker.start(["--listen=tcp://127.0.0.1:0"]);
    await Promise.all(this.edgeNames.map((name, i) => this.#startEdge(name, i)));
    await this.healthy();
  }

  async #startEdge(name, i, flags = []) {
    const path = join(kBinaries, "node/roomlog-edge");
    this.edges[i] = this.#program(name, path, [
      `--broker=${this.brokerAddress}`, `--name=${name}`, ...this.edgeFlags, ...flags]);
    await this.edges[i].start(["--listen=127.0.0.1:0"]);
  }

  // One more node, with flags of its own, once it is well.
  async addEdge(name, flags) {
    const i = this.edges.length;
    await this.#startEdge(name, i, flags);
    await this.healthy();
    return this.edges[i];
  }

  // The broker again, where the nodes look for it.
  async restartBroker() {
    await this.broker.start([`--listen=${this.brokerAddress}`]);
  }

  // Waits until every node that runs says it is well.
  async healthy() {
    for (const edge of this.edges.filter(({ child }) => running.has(child))) {
      await until(async () => (await this.health(edge)).ok, `${edge.name} to be healthy`);
    }
  }

  async health(edge) {
    try {
      const answer = await fetch(new URL("/healthz", edge.address));
      return { ok: answer.ok, text: await answer.text() };
    } catch (error) {
      return { ok: false, text: String(error) };
    }
  }

  // A client of the node with that index, connected.
  async client(edge = 0, options = {}) {
    const client = new Client(this.edges[edge].address, options);
    this.clients.push(client);
    await client.connected();
    return client;
  }

  // Fills the broker's own disk but for `free` bytes; the function that comes
  // back makes room again.
  fillDisk(free = 0) {
    const seen = `/proc/${this.broker.pid}/root${this.data}`;
    const path = join(seen, "filler");
    const file = openSync(path, "w");
    const block = Buffer.alloc(64 << 10);
    try {
      for (;;) {
        const left = statfsSync(seen);
        const bytes = Math.min(left.bavail * left.bsize - free, block.length);
        if (bytes <= 0 || writeSync(file, block, 0, bytes) < bytes) break;
      }
    } catch (error) {
      if (error.code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
    return () => rmSync(path);
  }

  logs() {
    return this.programs.flatMap(({ name, log }) =>
      log.slice(-kLogLinesShown).map((line) => `${name}: ${line}`));
  }

  async destroy() {
    for (const client of this.clients) client.close();
    await Promise.all(this.programs.map((program) => program.kill("SIGKILL")));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function withTimeout(promise, ms, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
