// Sockets as other servers are told of them.
import type { Handshake, LocalSocket } from "./client_packet.js";
import { Sockets_One } from "./generated/proto/node_messages.js";
import { loadValues, storeValues } from "./stored_packet.js";

// What Socket.IO makes a RemoteSocket of.
export interface FetchedSocket {
  id: string;
  rooms: string[];
  handshake: Handshake;
  data: unknown;
}

// `onBadData` hears why the socket's data cannot be said; it is left out then.
export function toWire(socket: LocalSocket, onBadData: (error: unknown) => void): { one: Sockets_One; size: number } {
  const { headers, address, url, issued, secure, auth } = socket.handshake;
  let data: Buffer;
  try {
    data = storeValues([socket.data ?? {}]);
  } catch (error) {
    onBadData(error);
    data = storeValues([{}]);
  }
  const one: Sockets_One = {
    id: socket.id,
    rooms: Array.from(socket.rooms, String),
    data,
    address: address ?? "",
    url: url ?? "",
    issuedMs: BigInt(issued),
    secure,
    auth: JSON.stringify(auth ?? {}),
    headers: Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((text) => `${name}: ${text}`)),
  };
  // About what it takes; headers are the most of it.
  const size = one.headers.reduce((sum, header) => sum + header.length, 256 + data.length + one.auth.length) +
    one.rooms.reduce((sum, room) => sum + room.length, 0);
  return { one, size };
}

export function fromWire(one: Sockets_One): FetchedSocket {
  const headers: Handshake["headers"] = {};
  for (const header of one.headers) {
    const colon = header.indexOf(": ");
    if (colon >= 0) headers[header.slice(0, colon).toLowerCase()] = header.slice(colon + 2);
  }
  const issued = Number(one.issuedMs);
  return {
    id: one.id,
    rooms: one.rooms,
    handshake: {
      headers,
      time: new Date(issued).toString(),
      address: one.address,
      xdomain: headers["origin"] !== undefined,
      secure: one.secure,
      issued,
      url: one.url,
      query: Object.fromEntries(new URLSearchParams(one.url.split("?")[1] ?? "")),
      auth: parsed(() => JSON.parse(one.auth) as Record<string, unknown>, {}),
    },
    data: parsed(() => loadValues(one.data)[0], {}),
  };
}

function parsed<T>(parse: () => T, otherwise: T): T {
  try {
    return parse();
  } catch {
    return otherwise;
  }
}
