// Who comes into a room and goes, as the broker's feed of it tells.
import type { RoomEvent } from "./backplane.js";
import type { ClusterNode } from "./cluster_node.js";
import type { GapEvent } from "./history.js";
import * as limits from "./limits.js";
import { formatPosition } from "./position.js";
import { membersOf } from "./presence.js";
import { nodeRoomKey, roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { decodeEvent } from "./stored_packet.js";

const kPresenceRoomPrefix = "$roomlog/presence/";

export interface PresenceChange {
  room: string;
  change: "join" | "leave";
  socket: string; // Its id.
  user: string | null; // Null: nobody knows whose it is.
  first?: boolean; // Of "join": it is his first socket there.
  last?: boolean; // Of "leave": he has none left there.
  sockets: number; // How many are there then.
  users: number;
  offset: string;
  time: number; // In milliseconds since 1970.
}

export interface PresenceWatchOptions {
  // Changes were missed for good: this server was away for longer than they were kept.
  // Who is there now, presence() tells.
  onGap?: (gap: GapEvent) => void;
}

// Resolves once it hears of all that comes, to what ends it. Rejects with a RoomlogError:
// "invalid" (the broker keeps no feed of the room), "unavailable".
export async function watchPresence(
  node: ClusterNode, namespace: string, room: string, listener: (change: PresenceChange) => void,
  { onGap }: PresenceWatchOptions,
): Promise<() => void> {
  const page = await membersOf(node.link, { room: roomKey(namespace, room), what: "counts", after: "", limit: 1 });
  if (!page.hasFeed) {
    throw new RoomlogError("invalid",
      `the broker keeps no feed of ${JSON.stringify(room)} in ${namespace}: its flag --presence_feed names those that have one`);
  }
  return new Promise((done, fail) => {
    const patience = setTimeout(() => {
      stop();
      fail(new RoomlogError("unavailable", "the broker does not let it be followed"));
    }, limits.kPublishTimeoutMs);
    const stop = node.share(nodeRoomKey(namespace, kPresenceRoomPrefix + room), {
      onEvent: (event) => listener(changeOf(event, node.link.epoch)),
      onFollowing: () => {
        clearTimeout(patience);
        done(stop);
      },
      onGap: (from, to, reason) =>
        onGap?.({ room, from: formatPosition(from), to: formatPosition(to), reason }),
    });
  });
}

function changeOf({ packet, offset, timeMs }: RoomEvent, epoch: number): PresenceChange {
  const [, body] = decodeEvent({ text: packet, attachments: [] }) as [string, PresenceChange];
  return { ...body, offset: formatPosition({ epoch, offset }), time: timeMs };
}
