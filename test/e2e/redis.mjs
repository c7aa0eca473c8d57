// A Redis of a test's own: a process on a Unix socket, so that no port is taken.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { Program } from "./cluster.mjs";
import { until } from "./until.mjs";

export class Redis {
  #directory = mkdtempSync(join(tmpdir(), "roomlog-redis-"));
  #path = join(this.#directory, "socket");
  #program = new Program("redis-server", "redis-server", [
    "--port", "0", "--unixsocket", this.#path, "--dir", this.#directory, "--save", "", "--appendonly", "no"]);
  #clients = [];
  #isClosed = false;

  async start() {
    this.#program.launch();
    let exit = null;
    this.#program.exited.then((how) => (exit = how));
    const answers = async () => {
      // What is not there ends at once; setpriv says so with 127.
      if (exit?.code === 127) {
        throw new Error("there is no redis-server: apt-get install redis-server (third_party/test-packages.txt)");
      }
      if (exit) throw new Error(`redis-server ended (${exit.signal ?? exit.code}): ${this.#program.log.join("\n")}`);
      return this.client().then(() => true, () => false);
    };
    await until(answers, "redis-server to listen");
  }

  // A connection, which comes back by itself once it was there; as do its duplicates,
  // which adapters make for themselves.
  async client() {
    let wasThere = false;
    const reconnectStrategy = (retries) => (wasThere && !this.#isClosed ? Math.min(retries * 20, 200) : false);
    const client = createClient({ socket: { path: this.#path, reconnectStrategy } });
    client.on("error", () => {}); // It was cut, or never came.
    await client.connect();
    wasThere = true;
    this.#clients.push(client);
    return client;
  }

  // Once the adapters, which are being closed, have closed their own connections: they
  // ask for nothing then.
  async close() {
    const [client] = this.#clients;
    await until(async () => (await client?.sendCommand(["CLIENT", "LIST"]) ?? "")
      .split("\n").filter(Boolean).length <= this.#clients.length, "the adapters to leave Redis");
    this.#isClosed = true;
    for (const one of this.#clients) await one.quit(); // After what is still to be answered.
    await this.#program.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
