// Beside another adapter, which goes on to deliver: what is emitted goes to the broker
// as well, and each server compares what both ways bring.
import { hostname } from "node:os";
import type { Adapter, BroadcastOptions } from "socket.io-adapter";
import type { RoomEvent } from "./backplane.js";
import { randomId } from "./broker_link.js";
import { ClusterNode } from "./cluster_node.js";
import { type KeyOptions, readCurveKeys } from "./curve_keys.js";
import { FollowedRooms } from "./followed_rooms.js";
import * as limits from "./limits.js";
import { roomKey } from "./room_key.js";
import { type ShadowCounts, ShadowRoom, type ShadowTag } from "./shadow_room.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Any = any;

export interface ShadowOptions extends KeyOptions {
  broker: string;
  // What delivers: what the other package's createAdapter() gave.
  delivers: (nsp: Any) => Adapter;
  name?: string;
  // How much later than the other an adapter may bring an event: 10,000.
  graceMs?: number;
}

export interface ShadowReport extends ShadowCounts {
  namespace: string;
  room: string; // Empty: what was for the whole namespace.
}

export interface Shadow {
  // For `new Server({ adapter })`.
  adapter: (nsp: Any) => Adapter;
  // Of each room that this server has been in, since it began.
  report(): ShadowReport[];
}

// The clients of the cluster notice nothing of it: its rooms are apart.
const kNamespacePrefix = "/$shadow";
const kFlag = "roomlogShadow";

export function createShadow(options: ShadowOptions): Shadow {
  const { graceMs = limits.kShadowGraceMs } = options;
  const nodes = new WeakMap<object, ClusterNode>();
  const namespaces = new Set<ShadowNamespace>();
  const linkOptions = {
    broker: options.broker,
    keys: readCurveKeys(options),
    name: options.name ?? `${hostname()}:${process.pid} (shadow)`,
    publishTimeoutMs: limits.kPublishTimeoutMs,
    queuedEventsMax: limits.kQueuedPublishesMax,
    queuedBytesMax: limits.kQueuedPublishBytesMax,
  };
  return {
    // Socket.IO calls it with `new`, which an arrow function does not take.
    adapter: function (nsp: Any): Adapter {
      let node = nodes.get(nsp.server);
      if (node === undefined) {
        node = new ClusterNode(linkOptions, () => nodes.delete(nsp.server));
        nodes.set(nsp.server, node);
      }
      const adapter = new (options.delivers as Any)(nsp) as Adapter;
      namespaces.add(new ShadowNamespace(nsp.name, adapter, node, graceMs));
      return adapter;
    },
    report: () => [...namespaces].flatMap((namespace) => namespace.report()),
  };
}

class ShadowNamespace {
  readonly #name: string;
  readonly #node: ClusterNode;
  readonly #followed: FollowedRooms;
  readonly #rooms = new Map<string, ShadowRoom>();
  readonly #graceMs: number;
  readonly #server = randomId().toString(36);
  readonly #timer: NodeJS.Timeout;
  #emitted = 0;

  constructor(name: string, adapter: Adapter, node: ClusterNode, graceMs: number) {
    this.#name = name;
    this.#node = node;
    this.#graceMs = graceMs;
    node.retain();
    this.#followed = new FollowedRooms(node, kNamespacePrefix + name, {
      onRoomEvent: (room, event) => this.#onLogged(room, event),
      onRoomGap: () => {}, // It is counted as not logged.
      onRoomFailed: () => {}, // Likewise.
    });
    this.#enter("");
    adapter.on("create-room", (room: unknown) => this.#enter(String(room)));
    adapter.on("delete-room", (room: unknown) => this.#followed.drop(String(room)));
    this.#watch(adapter);
    this.#timer = setInterval(() => this.#tick(), graceMs / 4);
    this.#timer.unref();
  }

  // What the adapter is asked to emit, and what it gives to this server's sockets.
  #watch(adapter: Any): void {
    const { broadcast, apply, close } = adapter;
    adapter.broadcast = (packet: Any, opts: BroadcastOptions): void => {
      const { local, volatile } = opts.flags ?? {};
      // What may be dropped is not missed.
      if (local || volatile || packet.id !== undefined) {
        broadcast.call(adapter, packet, opts);
        return;
      }
      const tag: ShadowTag = { server: this.#server, number: ++this.#emitted };
      this.#publish(tag, opts);
      broadcast.call(adapter, packet, { ...opts, flags: { ...opts.flags, [kFlag]: tag } });
    };
    adapter.apply = (opts: BroadcastOptions, call: Any): void => {
      const tag = (opts.flags as Record<string, ShadowTag> | undefined)?.[kFlag];
      if (tag) {
        for (const room of opts.rooms.size === 0 ? [""] : opts.rooms) {
          if (room === "" || adapter.rooms.has(room)) {
            this.#rooms.get(String(room))?.onDelivered(tag, performance.now());
          }
        }
      }
      apply.call(adapter, opts, call);
    };
    adapter.close = async (): Promise<void> => {
      clearInterval(this.#timer);
      this.#followed.close();
      await Promise.all([close.call(adapter), this.#node.release()]);
    };
  }

  #publish(tag: ShadowTag, { rooms }: BroadcastOptions): void {
    const packet = Buffer.from(JSON.stringify(tag));
    for (const room of rooms.size === 0 ? [""] : rooms) {
      let key: string;
      try {
        key = roomKey(kNamespacePrefix + this.#name, String(room));
      } catch {
        continue; // No event can be in it: it is counted as not logged.
      }
      this.#node.publish({ room: key, flags: 0, id: "", packet }, () => {
        // Likewise.
      });
    }
  }

  #enter(name: string): void {
    this.#followed.hold(name);
    // A room that is entered again goes on with its counts.
    const room = this.#rooms.get(name) ?? new ShadowRoom(this.#graceMs);
    this.#rooms.set(name, room);
    if (this.#rooms.size > limits.kShadowRoomsMax) this.#rooms.delete(this.#rooms.keys().next().value!);
    void this.#followed.followedFrom(name).then(() => room.onFollowed(performance.now()));
  }

  #onLogged(room: string, { packet }: RoomEvent): void {
    let tag: ShadowTag;
    try {
      tag = JSON.parse(packet.toString()) as ShadowTag;
    } catch {
      return; // It is no server's.
    }
    this.#rooms.get(room)?.onLogged(tag, performance.now());
  }

  #tick(): void {
    for (const room of this.#rooms.values()) room.onTick(performance.now());
  }

  report(): ShadowReport[] {
    this.#tick();
    return [...this.#rooms].map(([room, { counts }]) => ({ namespace: this.#name, room, ...counts }));
  }
}
