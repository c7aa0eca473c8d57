// A packet on its way to this server's own clients, made once for all of them.
import { asBuffer, decodeEvent, type StoredPacket } from "./stored_packet.js";

// What the adapter needs of Socket.IO's Socket, some of it not public there.
export interface LocalSocket {
  id: string;
  rooms: Set<unknown>;
  data: unknown;
  handshake: Handshake;
  acks: Map<number, (...args: unknown[]) => void>;
  client: { writeToEngine(packets: (string | Buffer)[], options: object): void };
  notifyOutgoingListeners?: (packet: { data: unknown[] }) => void;
  _anyOutgoingListeners?: unknown[];
}

export interface Handshake {
  headers: Record<string, string | string[] | undefined>;
  time: string;
  address: string;
  xdomain: boolean;
  secure: boolean;
  issued: number;
  url: string;
  query: Record<string, string | string[] | undefined>;
  auth: Record<string, unknown>;
}

export class ClientPacket {
  readonly #packet: StoredPacket;
  readonly #parts: (string | Buffer)[];
  readonly #options: object;
  #decoded: unknown[] | null = null;

  constructor(packet: StoredPacket, isVolatile: boolean) {
    this.#packet = packet;
    this.#parts = [packet.text.toString(), ...packet.attachments];
    this.#options = {
      preEncoded: true,
      volatile: isVolatile || undefined,
      // As Socket.IO's own adapter gives it to Engine.IO: the WebSocket frame, so
      // that it is not made again for each client.
      ...(packet.attachments.length === 0 ? { wsPreEncodedFrame: textFrame(packet.text) } : {}),
    };
  }

  sendTo(socket: LocalSocket): void {
    if (socket._anyOutgoingListeners !== undefined && socket._anyOutgoingListeners.length > 0) {
      this.#decoded ??= this.#decode();
      if (this.#decoded.length > 0) socket.notifyOutgoingListeners?.({ data: this.#decoded });
    }
    socket.client.writeToEngine(this.#parts, this.#options);
  }

  // Empty if another node stored what nobody can read.
  #decode(): unknown[] {
    try {
      return decodeEvent(this.#packet);
    } catch {
      return [];
    }
  }
}

// A WebSocket text frame of the server with an Engine.IO message in it, as
// ws' Sender.frame() makes it: header and payload.
function textFrame(text: Buffer): Buffer[] {
  const size = text.length + 1;
  let header: Buffer;
  if (size < 126) {
    header = Buffer.from([0x81, size, kMessage]);
  } else if (size < 65536) {
    header = Buffer.from([0x81, 126, size >> 8, size & 0xff, kMessage]);
  } else {
    header = Buffer.alloc(11);
    header[0] = 0x81;
    header[1] = 127;
    header.writeUInt32BE(size, 6);
    header[10] = kMessage;
  }
  return [header, asBuffer(text)];
}

const kMessage = "4".charCodeAt(0);
