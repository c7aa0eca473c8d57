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

export class FaultyCluster {
  #count;
  #edgeFlags;
  edges = []; // {program, clientLink, brokerLink}

  constructor({ edges, edgeFlags = [] }) {
    this.#count = edges;
    this.#edgeFlags = edgeFlags;
    this.directory = mkdtempSync(join(tmpdir(), "roomlog-faults-"));
    this.broker = new Program("broker", join(kBinaries, "broker/roomlog-broker"), [
      `--data=${join(this.directory, "data")}`]);
  }

  async start() {
    this.brokerAddress = await this.broker.start(["--listen=tcp://127.0.0.1:0"]);
    const { hostname, port } = new URL(this.brokerAddress);
    for (let i = 0; i < this.#count; i++) {
      const brokerLink = await new Proxy(hostname, Number(port)).listen();
      const program = new Program(`node-${i}`, join(kBinaries, "node/roomlog-edge"), [
        `--broker=tcp://127.0.0.1:${brokerLink.port}`, `--name=node-${i}`, ...this.#edgeFlags]);
      const url = new URL(await program.start(["--listen=127.0.0.1:0"]));
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
    if (fault.startsWith("stop")) {
      program.child.kill("SIGSTOP");
      return async () => program.child.kill("SIGCONT");
    }
    await program.kill("SIGKILL");
    const listen = isBroker ? this.brokerAddress : this.edges[target].listen;
    return () => program.start([`--listen=${listen}`]);
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
    await Promise.all(this.programs.map((program) => program.kill("SIGKILL")));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
