// Emits from processes without sockets.
import { hostname } from "node:os";
import { BrokerLink } from "./broker_link.js";
import { type KeyOptions, readCurveKeys } from "./curve_keys.js";
import { EventFlag } from "./generated/proto/events.js";
import { Envelope } from "./generated/proto/node_messages.js";
import * as limits from "./limits.js";
import { formatPosition } from "./position.js";
import { looksLikeSocketId, roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { addressPacket, encodeEvent, storePacket, storeValues } from "./stored_packet.js";

export interface EmitterOptions extends KeyOptions {
  // Where the broker listens: "tcp://127.0.0.1:7400".
  broker: string;
  // What people call this process, in the broker's log.
  name?: string;
  // How long an event waits for the broker before it is given up: 30,000.
  publishTimeout?: number;
}

export interface EmitterPublishOptions {
  id?: string;
  meta?: boolean;
}

const kReservedEvents = new Set(
  ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

export function createEmitter(options: EmitterOptions): Emitter {
  const link = new BrokerLink({
    broker: options.broker,
    keys: readCurveKeys(options),
    name: options.name ?? `emitter:${hostname()}:${process.pid}`,
    publishTimeoutMs: options.publishTimeout ?? limits.kPublishTimeoutMs,
    queuedEventsMax: limits.kQueuedPublishesMax,
    queuedBytesMax: limits.kQueuedPublishBytesMax,
  }, kHearsNothing);
  return new Emitter(link, "/", { rooms: [], except: [], isVolatile: false });
}

interface Target {
  rooms: readonly string[];
  except: readonly string[];
  isVolatile: boolean;
}

// The counterpart of @socket.io/redis-emitter. What it says is in one order with what
// the servers say. Every promise is resolved when it is durable (a volatile event:
// when it was handed on), and rejected with a RoomlogError.
export class Emitter {
  readonly #link: BrokerLink;
  readonly #namespace: string;
  readonly #target: Target;

  constructor(link: BrokerLink, namespace: string, target: Target) {
    this.#link = link;
    this.#namespace = namespace;
    this.#target = target;
  }

  of(namespace: string): Emitter {
    const name = namespace.startsWith("/") ? namespace : `/${namespace}`;
    return new Emitter(this.#link, name, { rooms: [], except: [], isVolatile: false });
  }
  to(room: string | readonly string[]): Emitter {
    return this.#with({ rooms: [...new Set([...this.#target.rooms, ...[room].flat()])] });
  }
  in(room: string | readonly string[]): Emitter {
    return this.to(room);
  }
  except(room: string | readonly string[]): Emitter {
    return this.#with({ except: [...new Set([...this.#target.except, ...[room].flat()])] });
  }
  get volatile(): Emitter {
    return this.#with({ isVolatile: true });
  }

  async emit(event: string, ...args: unknown[]): Promise<void> {
    if (kReservedEvents.has(event)) throw new RoomlogError("invalid", `"${event}" is a reserved event name`);
    const { rooms, except, isVolatile } = this.#target;
    if (rooms.length + except.length > limits.kBroadcastRoomsMax) {
      throw new RoomlogError("limit", `a broadcast names more than ${limits.kBroadcastRoomsMax} rooms`);
    }
    const { bytes, hasAttachments } = storePacket(encodeEvent(this.#namespace, [event, ...args]));
    const flags = (isVolatile ? EventFlag.EVENT_FLAG_EPHEMERAL : 0) |
      (hasAttachments ? EventFlag.EVENT_FLAG_HAS_ATTACHMENTS : 0);
    const keys = (rooms.length === 0 ? [""] : rooms).map(
      (room) => roomKey(this.#namespace, looksLikeSocketId(room) ? "" : room));
    await Promise.all(keys.map((key, through) =>
      rooms[through] === "" ? undefined : this.#publish(key, flags, this.#envelope({ through }), bytes)));
  }

  // Says an event in a room, for its members and for its history: as
  // adapter.publish().
  async publish(
    room: string, event: string, args: readonly unknown[], options: EmitterPublishOptions = {},
  ): Promise<{ offset: string; duplicate: boolean }> {
    const { bytes, hasAttachments } = storePacket(encodeEvent(this.#namespace, [event, ...args]));
    const flags = (hasAttachments ? EventFlag.EVENT_FLAG_HAS_ATTACHMENTS : 0) |
      (options.meta ? EventFlag.EVENT_FLAG_ROOM_APPLICATION : 0);
    return new Promise((done, fail) => {
      const request = { room: roomKey(this.#namespace, room), flags, id: options.id ?? "", packet: bytes };
      this.#link.publish(request, (error, answer) => {
        if (error) fail(error);
        else done({ offset: formatPosition(answer!.position), duplicate: answer!.duplicate });
      });
    });
  }

  async socketsJoin(rooms: string | readonly string[]): Promise<void> {
    await this.#say({ socketsJoin: { rooms: [rooms].flat() } });
  }
  async socketsLeave(rooms: string | readonly string[]): Promise<void> {
    await this.#say({ socketsLeave: { rooms: [rooms].flat() } });
  }
  async disconnectSockets(close = false): Promise<void> {
    await this.#say({ disconnectSockets: { close } });
  }
  async serverSideEmit(event: string, ...args: unknown[]): Promise<void> {
    const serverSideEmit = { server: 0n, event, arguments: storeValues(args) };
    await this.#say({ serverSideEmit }, EventFlag.EVENT_FLAG_EPHEMERAL);
  }

  // Waits a moment for what was said, and leaves no handle open. Closes the emitters
  // that were made from this one, too.
  close(): Promise<void> {
    return this.#link.close();
  }

  #with(target: Partial<Target>): Emitter {
    return new Emitter(this.#link, this.#namespace, { ...this.#target, ...target });
  }
  #envelope(given: Partial<Envelope>): Envelope {
    const { rooms, except, isVolatile } = this.#target;
    return { ...Envelope.create({ rooms: [...rooms], except: [...except], volatile: isVolatile }), ...given };
  }
  #say(operation: Partial<Envelope>, flags = 0): Promise<void> {
    return this.#publish(roomKey(this.#namespace, ""), flags, this.#envelope(operation), Buffer.alloc(0));
  }
  #publish(room: string, flags: number, envelope: Envelope, bytes: Buffer): Promise<void> {
    const packet = addressPacket(envelope, bytes);
    return new Promise((done, fail) => {
      this.#link.publish({ room, flags: flags | EventFlag.EVENT_FLAG_ADDRESSED, id: "", packet },
        (error) => (error ? fail(error) : done()));
    });
  }
}

const kHearsNothing = { onFollowing() {}, onFollowFailed() {}, onEvent() {}, onGap() {} };
