// Where sessions take part in what Socket.IO does with a connection, beyond what it
// asks of an adapter. Written for Socket.IO 4.7 and later; tested with 4.8.

export interface HookedClient {
  conn: {
    protocol: number;
    sendPacket(type: "ping"): void;
    on(event: "heartbeat" | "close", listener: () => void): void;
    close(discard?: boolean): void; // `discard`: at once, and not when all is sent.
  };
  _packet(packet: object): void;
}

// Resolves once the client has shown that it has all that was sent until now, with false
// if its connection ends before.
export function allHeard({ conn }: HookedClient): Promise<boolean> {
  return new Promise((done) => {
    // At most one ping is unanswered already: the second pong answers one of these.
    let pongs = 0;
    conn.on("heartbeat", () => {
      if (++pongs === 2) done(true);
    });
    conn.on("close", () => done(false));
    conn.sendPacket("ping");
    conn.sendPacket("ping");
  });
}

export interface HookedSocket {
  id: string;
  pid?: string | undefined;
  data: unknown;
  connected: boolean;
  recovered: boolean;
  client: HookedClient;
  packet(packet: { type: number }, options?: object): void;
  disconnect(): void;
}

export interface SocketHooks {
  // It was restored, but its session is another connection's by now, or has gone. Its
  // connection is closed then.
  isStale(socket: HookedSocket): boolean;
  // The program has let the socket in, and its client is not told yet.
  beforeConnect(socket: HookedSocket): Promise<void>;
  // `restore` calls the adapter's restoreSession() from within.
  aroundRestore<T>(client: HookedClient, restore: () => T): T;
  // An acknowledgement is on its way to the client.
  answer(socket: HookedSocket, send: () => void): void;
}

const kAck = 3;
const kBinaryAck = 6;

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Any = any;

export function hookNamespace(nsp: Any, hooks: SocketHooks): void {
  const run = nsp.run;
  nsp.run = function (socket: HookedSocket, done: (error: Error | null) => void): void {
    run.call(this, socket, (error: Error | null) => {
      // Socket.IO would take the other connection's rooms from it.
      if (hooks.isStale(socket)) return;
      if (error) {
        done(error);
        return;
      }
      hookAnswers(socket, hooks);
      void hooks.beforeConnect(socket).then(() => done(null));
    });
  };
  const create = nsp._createSocket;
  nsp._createSocket = async function (client: HookedClient, auth: Record<string, unknown>): Promise<HookedSocket> {
    // A client that has heard nothing yet has no offset, and Socket.IO would not ask.
    const asked = typeof auth["pid"] === "string" && auth["offset"] === undefined ? { ...auth, offset: "" } : auth;
    const socket: HookedSocket = await hooks.aroundRestore(client, () => create.call(this, client, asked));
    if (hooks.isStale(socket)) return new Promise(() => {});
    hookAnswers(socket, hooks);
    return socket;
  };
}

function hookAnswers(socket: HookedSocket, hooks: SocketHooks): void {
  if (Object.hasOwn(socket, "packet")) return;
  const send = socket.packet;
  socket.packet = function (packet, options): void {
    const sendIt = (): void => send.call(this, packet, options);
    if (packet.type === kAck || packet.type === kBinaryAck) hooks.answer(socket, sendIt);
    else sendIt();
  };
}
