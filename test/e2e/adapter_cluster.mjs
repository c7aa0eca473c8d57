// A cluster for tests of the adapter: a broker, servers on Node.js, and an edge of
// the C++ library. All of it is gone when the file's tests end.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { Program, withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kPatienceMs = 20_000;

// Socket.IO's server, as the adapter's own tests have it.
export const { Server } = createRequire(new URL("../../adapter/package.json", import.meta.url))("socket.io");

export class AdapterCluster {
  directory = mkdtempSync(join(tmpdir(), "roomlog-adapter-"));
  nodes = [];
  sockets = [];
  #programs = [];
  #closing = [];

  constructor() {
    after(() => this.destroy());
    this.broker = this.#program("broker", join(kBinaries, "broker/roomlog-broker"), `--data=${join(this.directory, "data")}`);
  }

  #program(name, path, ...args) {
    this.#programs.push(new Program(name, path, args));
    return this.#programs.at(-1);
  }

  async startBroker(...flags) {
    this.brokerAddress = await this.broker.start(["--listen=tcp://127.0.0.1:0", ...flags]);
  }
  async restartBroker(...flags) {
    await this.broker.start([`--listen=${this.brokerAddress}`, ...flags]);
  }

  async addServer(name, ...flags) {
    const node = this.#program(name, process.execPath, join(kHere, "adapter_server.mjs"),
      `--broker=${this.brokerAddress}`, `--name=${name}`, ...flags);
    await node.start();
    this.nodes.push(node);
    return node;
  }
  addEdge(name, ...flags) {
    return this.#addNode(name, "test/e2e/library_server", flags);
  }
  // With the room application.
  addRoomlogEdge(name, ...flags) {
    return this.#addNode(name, "node/roomlog-edge", ["--listen=127.0.0.1:0", ...flags]);
  }
  async #addNode(name, path, flags) {
    const node = this.#program(name, join(kBinaries, path), `--broker=${this.brokerAddress}`, `--name=${name}`, ...flags);
    await node.start();
    await until(async () => (await fetch(new URL("/healthz", node.address))).ok, `${name} to be healthy`);
    this.nodes.push(node);
    return node;
  }

  // A server in this process.
  serve(adapter, setUp = () => {}, options = {}) {
    const server = new Server(0, { adapter, transports: ["websocket"], ...options });
    setUp(server);
    server.address = `http://127.0.0.1:${server.httpServer.address().port}`;
    this.#closing.push(server);
    return server;
  }
  // What has a close().
  closeLater(one) {
    this.#closing.push(one);
    return one;
  }

  async connect(node, path = "/") {
    const address = typeof node === "number" ? this.nodes[node].address : node.address;
    const socket = io(new URL(path, address).href, { transports: ["websocket"], forceNew: true });
    this.sockets.push(socket);
    socket.heard = [];
    socket.onAny((...event) => socket.heard.push(event));
    await until(() => socket.connected, "a client to connect");
    if (typeof node !== "number") return socket;
    await until(() => socket.heard.some(([event]) => event === "auth"), "the server to know the client");
    // What is said from here on reaches it.
    let echoes = 0;
    await until(async () => {
      await ask(socket, "emit", { to: [socket.id] }, "echo");
      ++echoes;
      return socket.heard.some(([event]) => event === "echo");
    }, "the namespace to be followed");
    await until(() => socket.heard.filter(([event]) => event === "echo").length === echoes, "all echoes")
      .catch(() => {}); // The first ones were before it was followed.
    socket.heard.length = 0;
    return socket;
  }

  async destroy() {
    for (const socket of this.sockets) socket.disconnect();
    await Promise.all(this.#closing.map((one) => one.close()));
    await Promise.all(this.#programs.map((program) => program.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function ask(socket, ...event) {
  return withTimeout(
    new Promise((done) => socket.emit(...event, (...answer) => done(answer))), kPatienceMs, event[0]);
}

export const hears = (socket, count) =>
  until(() => socket.heard.length >= count, () => `${count} events; ${JSON.stringify(socket.heard).slice(0, 500)}`);
