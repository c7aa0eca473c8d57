// A TCP link that can be broken: stands between clients and a node, or a node and
// its broker. Bytes that it swallows are gone, so when it is healed, connections
// that lost some are reset: TCP would not have gone on either.
import { connect, createServer } from "node:net";

// How a link can fail. "up" is from whoever connected.
export const kLinkFaults = ["swallow up", "swallow down", "swallow both", "half-open", "stall", "reset"];

export class Proxy {
  #target; // {host, port}
  #server;
  #links = new Set();
  #fault = null;

  constructor(host, port) {
    this.#target = { host, port };
  }

  async listen() {
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#link(near));
    await new Promise((done, fail) => this.#server.once("error", fail).listen(0, "127.0.0.1", done));
    this.port = this.#server.address().port;
    return this;
  }

  // Resets all connections at once, or begins a fault that lasts until heal();
  // connections that come meanwhile have it too.
  break(fault) {
    if (!kLinkFaults.includes(fault)) throw new Error(`no such fault: ${fault}`);
    if (fault === "reset") {
      for (const link of this.#links) end(link);
      return;
    }
    this.heal();
    this.#fault = fault;
    for (const link of this.#links) this.#harm(link);
  }

  heal() {
    const fault = this.#fault;
    this.#fault = null;
    for (const link of this.#links) {
      if (fault === "stall") {
        link.near.resume();
        link.far.resume();
      } else if (link.lostBytes || link.isHalf) {
        end(link);
      }
      link.swallows = "";
    }
  }

  close() {
    for (const link of this.#links) end(link);
    this.#server.close();
  }

  #link(near) {
    const far = connect(this.#target);
    const link = { near, far, swallows: "", lostBytes: false, isHalf: false };
    this.#links.add(link);
    near.setNoDelay(true);
    far.setNoDelay(true);
    this.#carry(link, near, far, "up");
    this.#carry(link, far, near, "down");
    if (this.#fault) this.#harm(link);
  }

  #carry(link, from, to, way) {
    from.on("data", (bytes) => {
      if (link.isHalf) return;
      if (link.swallows === way || link.swallows === "both") {
        link.lostBytes = true;
      } else if (!to.write(bytes)) {
        from.pause();
        to.once("drain", () => this.#fault !== "stall" && from.resume());
      }
    });
    from.on("end", () => link.isHalf || to.end());
    from.on("error", () => {}); // The close comes next.
    from.on("close", () => {
      if (!link.isHalf) end(link);
      if (link.near.destroyed && link.far.destroyed) this.#links.delete(link);
    });
  }

  #harm(link) {
    if (this.#fault === "stall") {
      link.near.pause();
      link.far.pause();
    } else if (this.#fault === "half-open") {
      // The far side sees the end of it, the near side nothing at all.
      link.isHalf = true;
      link.far.destroy();
    } else {
      link.swallows = this.#fault.split(" ")[1];
    }
  }
}

function end({ near, far }) {
  for (const side of [near, far]) if (!side.destroyed) side.resetAndDestroy();
}
