// A broker and its nodes as processes, with a link that can be broken between the
// clients and each node, and between each node and the broker.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Program } from "../cluster.mjs";
import { until } from "../until.mjs";
import { Proxy } from "./proxy.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../../bazel-bin"));
const kHealthTimeoutMs = 60_000;
const kWindowMs = 120_000; // For coming back: what edges have by themselves.

// What serves the clients, by the nodes' numbers.
export const kServers = {
  edges: () => edge,
  node: () => nodeServer,
  mixed: (i) => (i % 2 === 0 ? edge : nodeServer),
};
const edge = { path: join(kBinaries, "node/roomlog-edge"), args: [] };
const nodeServer = { path: process.execPath, args: [join(kHere, "node_server.mjs"), `--recovery_window=${kWindowMs}`] };

export class FaultyCluster {
  #count;
  #servers;
  #edgeFlags;
  #onDeath;
  #mayEnd = new Set(); // Programs that were killed on purpose, and are not back yet.
  edges = []; // {program, listen, url, clientLink, brokerLink}

  // `servers`: one of kServers; `edgeFlags` are for all of them. `onDeath` is told of programs that end by themselves. They are started again,
  // as whoever runs them would.
  constructor({ edges, servers = "edges", edgeFlags = [], onDeath = () => {} }) {
    this.#onDeath = onDeath;
    this.#count = edges;
    this.#servers = kServers[servers];
    this.#edgeFlags = edgeFlags;
    this.directory = mkdtempSync(join(tmpdir(), "roomlog-faults-"));
    this.broker = new Program("broker", join(kBinaries, "broker/roomlog-broker"), [
      `--data=${join(this.directory, "data")}`]);
  }

  async start() {
    this.brokerAddress = await this.broker.start(["--listen=tcp://127.0.0.1:0"]);
    this.#watch(this.broker, this.brokerAddress);
    const { hostname, port } = new URL(this.brokerAddress);
    for (let i = 0; i < this.#count; i++) {
      const brokerLink = await new Proxy(hostname, Number(port)).listen();
      const { path, args } = this.#servers(i);
      const program = new Program(`node-${i}`, path, [...args,
        `--broker=tcp://127.0.0.1:${brokerLink.port}`, `--name=node-${i}`, ...this.#edgeFlags]);
      const url = new URL(await program.start(["--listen=127.0.0.1:0"]));
      this.#watch(program, url.host);
      const clientLink = await new Proxy(url.hostname, Number(url.port)).listen();
      this.edges.push({ program, listen: url.host, url, clientLink, brokerLink });
    }
    await this.healthy();
  }

  // Where clients connect.
  get addresses() {
    return this.edges.map(({ clientLink }) => `http://127.0.0.1:${clientLink.port}`);
  }

  get programs() {
    return [this.broker, ...this.edges.map(({ program }) => program)];
  }

  // Begins a fault of a process or a link, and resolves to what heals it.
  async break({ fault, how, target }) {
    const isBroker = fault.endsWith("broker");
    if (fault.endsWith("link")) {
      const link = this.edges[target][fault === "client link" ? "clientLink" : "brokerLink"];
      link.break(how);
      return async () => link.heal();
    }
    const program = isBroker ? this.broker : this.edges[target].program;
    const listen = isBroker ? this.brokerAddress : this.edges[target].listen;
    if (fault.startsWith("stop")) {
      program.child.kill("SIGSTOP");
      return async () => program.child.kill("SIGCONT");
    }
    this.#mayEnd.add(program);
    await program.kill("SIGKILL");
    return () => this.#startAgain(program, listen);
  }

  #watch(program, listen) {
    program.exited.then(async ({ code, signal }) => {
      if (this.#mayEnd.has(program)) return;
      this.#onDeath(`${program.name}: ${signal ?? code}; ${program.log.slice(-2).join("; ")}`);
      await this.#startAgain(program, listen);
    }).catch((error) => this.#onDeath(error.message));
  }

  async #startAgain(program, listen) {
    await program.start([`--listen=${listen}`]);
    this.#mayEnd.delete(program);
    this.#watch(program, listen);
  }

  async healthy() {
    for (const { program, url } of this.edges) {
      await until(async () => {
        try {
          return (await fetch(new URL("/healthz", url), { signal: AbortSignal.timeout(2_000) })).ok;
        } catch {
          return false;
        }
      }, `${program.name} to be healthy`, kHealthTimeoutMs);
    }
  }

  async destroy() {
    for (const { clientLink, brokerLink } of this.edges) {
      clientLink.close();
      brokerLink.close();
    }
    for (const program of this.programs) this.#mayEnd.add(program);
    await Promise.all(this.programs.map((program) => program.kill("SIGKILL")));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
