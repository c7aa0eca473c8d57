// The link with its socket and its timer: drives LinkCore.
import { randomBytes } from "node:crypto";
import debugModule from "debug";
import { Dealer } from "zeromq";
import type {
  Done, HistoryPage, MembersPage, MembersRequest, PublishAnswer, PublishRequest, ReadRequest, RoomFollower, RoomHandle,
} from "./backplane.js";
import type { CurveKeys } from "./curve_keys.js";
import { LinkCore } from "./link_core.js";
import { joinFrame, splitFrame } from "./frame.js";
import * as limits from "./limits.js";

const debug = debugModule("roomlog:link");

export interface BrokerLinkOptions {
  broker: string; // "tcp://127.0.0.1:7400"
  keys: CurveKeys | null; // Null: the broker asks for none.
  name: string;
  publishTimeoutMs: number;
  queuedEventsMax: number;
  queuedBytesMax: number;
}

// A random number that is never 0, and from which one can count up for ever.
export function randomId(): bigint {
  return (randomBytes(8).readBigUInt64LE() >> 1n) | 1n;
}

export class BrokerLink {
  readonly #core: LinkCore;
  readonly #socket: Dealer;
  readonly #timer: NodeJS.Timeout;
  readonly #outgoing: Uint8Array[] = [];
  #isSending = false;
  #isClosed = false;
  #turn: NodeJS.Immediate | null = null;

  // Throws if `broker` is no address. Borrows `follower`.
  constructor(options: BrokerLinkOptions, follower: RoomFollower) {
    // Nobody can guess the name, and take this node's place.
    const routingId = `node-${randomBytes(16).toString("hex")}`;
    this.#socket = new Dealer({
      routingId,
      ...options.keys,
      // Credit bounds what waits for the broker; ZeroMQ's own bound would drop.
      sendHighWaterMark: 0,
      receiveHighWaterMark: 0,
      // Nothing is queued for a broker that is not there, and nobody waits for it.
      immediate: true,
      sendTimeout: 0,
      maxMessageSize: 2 * limits.kMessageBytesMax,
      linger: 500, // A goodbye may leave.
      reconnectInterval: 50,
      reconnectMaxInterval: 1000,
      // A connection that is dead without having said so is made anew.
      heartbeatInterval: limits.kBrokerSilenceMaxMs / 2,
      heartbeatTimeout: limits.kBrokerSilenceMaxMs,
    });
    this.#core = new LinkCore({
      nodeName: options.name,
      producer: randomId(),
      firstSession: randomId() >> 1n,
      publishTimeoutMs: options.publishTimeoutMs,
      queuedPublishesMax: options.queuedEventsMax,
      queuedPublishBytesMax: options.queuedBytesMax,
      heldBytesMax: limits.kHeldBytesMax,
      deliveryCreditBytes: limits.kDeliveryCreditBytes,
    }, () => performance.now(), {
      send: (header, payload) => this.#send(joinFrame(header, payload)),
    }, follower, (line) => debug(line));
    this.#socket.connect(options.broker);
    void this.#receive();
    this.#timer = setInterval(() => {
      this.#core.onTick();
      this.#endTurnSoon();
    }, limits.kGreetingIntervalMs / 2);
    this.#core.onTick();
  }

  get trouble(): string | null {
    return this.#core.trouble;
  }
  get epoch(): number {
    return this.#core.epoch;
  }

  // How far in the log this node has come: nothing at or before it is told any more.
  get place(): number {
    return this.#core.place;
  }

  publish(request: PublishRequest, done: Done<PublishAnswer>): void {
    this.#core.publish(request, done);
    this.#endTurnSoon();
  }
  follow(key: string, after?: { epoch: number; offset: number }): RoomHandle {
    this.#endTurnSoon();
    return this.#core.follow(key, after);
  }
  unfollow(handle: RoomHandle): void {
    this.#core.unfollow(handle);
    this.#endTurnSoon();
  }
  read(request: ReadRequest, done: Done<HistoryPage>): void {
    this.#core.read(request, done);
    this.#endTurnSoon();
  }

  readMembers(request: MembersRequest, done: Done<MembersPage>): void {
    this.#core.readMembers(request, done);
    this.#endTurnSoon();
  }

  // Gives what was published a moment to be taken by the broker, says goodbye and
  // leaves no handle open.
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const deadline = performance.now() + limits.kCloseTimeoutMs;
    while (this.#core.queuedPublishes > 0 && this.#core.trouble === null && performance.now() < deadline) {
      await new Promise((done) => setTimeout(done, 5));
    }
    if (this.#isClosed) return;
    this.#core.close();
    this.#isClosed = true;
    clearInterval(this.#timer);
    if (this.#turn) clearImmediate(this.#turn);
    while (this.#isSending) await new Promise((done) => setImmediate(done));
    this.#socket.close();
  }

  // What one turn of the event loop asks for goes out together.
  #endTurnSoon(): void {
    if (this.#turn || this.#isClosed) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#core.endTurn();
    });
  }

  async #receive(): Promise<void> {
    for (;;) {
      let frames: Buffer[];
      try {
        frames = await this.#socket.receive();
      } catch (error) {
        if (this.#isClosed || this.#socket.closed) return;
        debug("receiving failed: %s", error);
        await new Promise((done) => setTimeout(done, limits.kGreetingIntervalMs));
        continue;
      }
      if (frames.length !== 1 || this.#isClosed) continue;
      const { header, payload } = splitFrame(frames[0]!);
      this.#core.onMessage(header, payload);
      this.#endTurnSoon();
    }
  }

  #send(frame: Uint8Array): void {
    this.#outgoing.push(frame);
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let frame; (frame = this.#outgoing.shift()) !== undefined;) {
      try {
        await this.#socket.send(frame);
      } catch {
        // As when it is lost on the way.
      }
    }
    this.#isSending = false;
  }
}
