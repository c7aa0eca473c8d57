// Who is to go, and whose tokens are no longer good: one server's copy of what all nodes
// are told. Mirrors node/server/dismissals.h.
import type { ClusterNode } from "./cluster_node.js";
import type { EventView } from "./event_columns.js";
import { Dismissal } from "./generated/proto/users.js";
import { readPage } from "./history.js";
import * as limits from "./limits.js";
import { kNodeNamespace, nodeRoomKey } from "./room_key.js";

const kRoom = nodeRoomKey(kNodeNamespace, "dismissals");
const kRetryMs = 1000;

export type DismissalListener = (dismissal: Dismissal) => void;

export class Dismissals {
  readonly #node: ClusterNode;
  readonly #revoked = new Map<string, number>(); // User -> milliseconds since 1970.
  readonly #listeners = new Set<DismissalListener>();
  #reading: Promise<void> | null = null;
  #isFollowing: Promise<void>;
  #isClosed = false;

  constructor(node: ClusterNode) {
    this.#node = node;
    let following!: () => void;
    this.#isFollowing = new Promise((done) => (following = done));
    node.follow(kRoom, {
      onEvent: (event) => this.#take(event, false),
      onFollowing: () => {
        this.#reading = this.#readAll();
        following();
      },
      onGap: () => (this.#reading = this.#readAll()),
    });
  }

  close(): void {
    this.#isClosed = true;
  }
  listen(listener: DismissalListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Until when the tokens of which users were revoked, once all is known.
  async known(): Promise<ReadonlyMap<string, number>> {
    await this.#isFollowing;
    await this.#reading;
    return this.#revoked;
  }

  async #readAll(): Promise<void> {
    for (let after = 0, more = true; more && !this.#isClosed;) {
      try {
        const page = await readPage(this.#node.link, { room: kRoom, after, eventsMax: limits.kReadEventsMax });
        for (const event of page.events) {
          this.#take(event, true);
          after = event.offset;
        }
        ({ more } = page);
      } catch {
        await new Promise((done) => setTimeout(done, kRetryMs).unref());
      }
    }
  }

  #take({ packet, timeMs }: EventView, isOld: boolean): void {
    let dismissal: Dismissal;
    try {
      dismissal = Dismissal.decode(packet);
    } catch {
      return;
    }
    const { user, revokes } = dismissal;
    if (revokes) this.#revoked.set(user, Math.max(this.#revoked.get(user) ?? 0, timeMs));
    // Who was to go then has gone, and may have come again.
    if (!isOld) for (const listener of [...this.#listeners]) listener(dismissal);
  }
}
