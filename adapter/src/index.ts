// What the package gives.
import { hostname } from "node:os";
import { RoomlogAdapter } from "./adapter.js";
import { ClusterNode } from "./cluster_node.js";
import { type KeyOptions, readCurveKeys } from "./curve_keys.js";
import * as limits from "./limits.js";

export type { PublishOptions, PublishResult } from "./adapter.js";
export type { KeyOptions } from "./curve_keys.js";
export { createEmitter, type Emitter, type EmitterOptions } from "./emitter.js";
export type { GapEvent, HistoryEvent, HistoryOptions, HistoryResult } from "./history.js";
export type { PageOptions, Presence, PresenceOptions, Rooms } from "./presence.js";
export type { PresenceChange, PresenceWatchOptions } from "./presence_watch.js";
export type { ReplayOptions, ReplayResult } from "./replay.js";
export { createShadow, type Shadow, type ShadowOptions, type ShadowReport } from "./shadow.js";
export { RoomlogError, type RoomlogErrorCode } from "./roomlog_error.js";
export type { User, UserChanged, UserChangeOptions, UserState, WatchedUserState } from "./user.js";
export { RoomlogAdapter };

export interface AdapterOptions extends KeyOptions {
  // Where the broker listens: "tcp://127.0.0.1:7400".
  broker: string;
  // What people call this server, in the broker's log: 1 to 255 bytes. The host's
  // name and the process id if not given.
  name?: string;
  // How long fetchSockets() and serverSideEmit() wait for the other servers: 5,000.
  requestsTimeout?: number;
  // Whose a socket is, when its client has been let in: what adapter.presence() tells, and
  // whose sockets are closed with his. `socket.data.user` if not given.
  userOf?: (socket: { id: string; data: unknown }) => string | null | undefined;
  // How long an event waits for the broker before it is given up: 30,000.
  publishTimeout?: number;
  // Events, and their bytes, kept while the broker is away: 131,072 and 128 MiB.
  queuedEventsMax?: number;
  queuedBytesMax?: number;
}

// For `new Server({ adapter: createAdapter({ broker }) })`.
export function createAdapter(options: AdapterOptions): (nsp: unknown) => RoomlogAdapter {
  const { broker, requestsTimeout = limits.kClusterRequestTimeoutMs } = options;
  if (typeof broker !== "string") throw new TypeError("createAdapter() needs the address of a broker");
  const linkOptions = {
    broker,
    keys: readCurveKeys(options),
    name: options.name ?? `${hostname()}:${process.pid}`,
    publishTimeoutMs: options.publishTimeout ?? limits.kPublishTimeoutMs,
    queuedEventsMax: options.queuedEventsMax ?? limits.kQueuedPublishesMax,
    queuedBytesMax: options.queuedBytesMax ?? limits.kQueuedPublishBytesMax,
  };
  const nodes = new WeakMap<object, ClusterNode>();
  // Socket.IO calls it with `new`, which an arrow function does not take.
  return function (nsp: unknown): RoomlogAdapter {
    const { server } = nsp as { server: object };
    let node = nodes.get(server);
    if (node === undefined) {
      node = new ClusterNode(linkOptions, () => nodes.delete(server));
      nodes.set(server, node);
    }
    return new RoomlogAdapter(nsp, node, {
      requestsTimeoutMs: requestsTimeout, userOf: options.userOf ?? (({ data }) => data?.user),
    });
  };
}
