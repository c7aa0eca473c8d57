// What a client that comes back has missed, read from the logs of its rooms.
import type { RoomEvent } from "./backplane.js";
import type { ClientPacket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import { readPage } from "./history.js";
import * as limits from "./limits.js";
import type { Replays, ReplayOptions } from "./replay.js";
import { RoomlogError } from "./roomlog_error.js";

export interface OwedRoom {
  name: string;
  key: string;
  after: number;
}

// The rest of the history of a join, which comes at the place of that join.
export interface OwedHistory {
  room: string;
  options: ReplayOptions;
  at: number;
  packetFor(event: RoomEvent): ClientPacket | null;
}

interface Missed {
  offset: number;
  packet: ClientPacket;
}

export class MissedEvents {
  readonly #node: ClusterNode;
  readonly #epoch: number;
  readonly #through: number;
  readonly #missed: Missed[] = [];
  #bytes = 0;

  // All up to `through` is in the log already.
  constructor(node: ClusterNode, epoch: number, through: number) {
    this.#node = node;
    this.#epoch = epoch;
    this.#through = through;
  }

  // Rejects with a RoomlogError if any of it is gone, or it is too much.
  async addRoom({ name, key, after }: OwedRoom, packetFor: (event: RoomEvent) => ClientPacket | null): Promise<void> {
    for (let place = after; place < this.#through;) {
      const page = await readPage(this.#node.link, {
        room: key, after: place, before: this.#through + 1, eventsMax: limits.kReadEventsMax,
      });
      if (page.epoch !== this.#epoch) throw new RoomlogError("data_loss", "the log has begun a new life");
      if (page.trimmedThrough > place) {
        throw new RoomlogError("data_loss", `what was said in room ${JSON.stringify(name)} is gone`);
      }
      for (const event of page.events) {
        this.#add(event.offset, event.packet.length, packetFor(event));
        place = event.offset;
      }
      if (!page.more) return;
    }
  }

  async addHistory(replays: Replays, { room, options, at, packetFor }: OwedHistory): Promise<void> {
    const { gap } = await replays.read(room, options, at, (event) => {
      const packet = packetFor(event);
      this.#add(at, event.packet.length, packet);
      return packet !== null;
    });
    if (gap) throw new RoomlogError("data_loss", `history of room ${JSON.stringify(room)} is gone: ${gap.reason}`);
  }

  #add(offset: number, bytes: number, packet: ClientPacket | null): void {
    if (packet === null) return;
    this.#missed.push({ offset, packet });
    this.#bytes += bytes;
    if (this.#missed.length > limits.kRecoveryEventsMax || this.#bytes > limits.kRecoveryBytesMax) {
      throw new RoomlogError("limit", "the client has missed more than is sent again");
    }
  }

  // In the order of the log, histories where their joins were.
  inOrder(): ClientPacket[] {
    return this.#missed.sort((a, b) => a.offset - b.offset).map(({ packet }) => packet);
  }
}
