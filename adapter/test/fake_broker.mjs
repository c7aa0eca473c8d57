// The broker as a link sees it, stepped by the test: no socket, no time.
import { BrokerMessage, NodeMessage } from "../dist/esm/generated/proto/backplane.js";
import { LinkCore } from "../dist/esm/link_core.js";

export const kEphemeral = 8;

export class FakeBroker {
  now = 0;
  sent = []; // What the link said and the test has not looked at.
  heard = []; // What the follower was told, in order.
  #sequence = 0;
  session = 0n;

  constructor(options = {}) {
    const follower = {
      onFollowing: (room, head) => this.heard.push(["following", room, head.offset]),
      onFollowFailed: (room, error) => this.heard.push(["failed", room, error.code]),
      onEvent: (event) => {
        this.heard.push([event.room, event.packet.toString(), event.offset]);
        this.onEvent?.(event);
      },
      onGap: (room, from, to, reason) => this.heard.push(["gap", room, from.offset, to.offset, reason]),
    };
    this.link = new LinkCore({
      nodeName: "test",
      producer: 7n,
      firstSession: 100n,
      publishTimeoutMs: 30_000,
      queuedPublishesMax: 1000,
      queuedPublishBytesMax: 1 << 20,
      heldBytesMax: 64 << 20,
      deliveryCreditBytes: 1 << 20,
      ...options,
    }, () => this.now, {
      send: (header, payload = Buffer.alloc(0)) => {
        const message = NodeMessage.decode(header);
        const [kind] = Object.keys(message).filter((key) =>
          !["session", "sequence", "consumedBytes"].includes(key) && message[key] !== undefined);
        this.sent.push({ kind, ...message[kind], message, payload: Buffer.from(payload) });
      },
    }, follower, () => {});
  }

  // Takes the next thing that the link said, which must be of that kind.
  take(kind) {
    const found = this.sent.shift();
    if (found?.kind !== kind) throw new Error(`the link said ${found?.kind ?? "nothing"}, not ${kind}`);
    return found;
  }
  // Forgets what was said; returns the kinds.
  kinds() {
    return this.sent.splice(0).map(({ kind }) => kind);
  }

  tick(ms) {
    this.now += ms;
    this.link.onTick();
    this.link.endTurn();
  }

  // Answers the greeting that is on its way.
  welcome({ epoch = 5, publishCredit = 100, publishCreditBytes = 1 << 20, protocolMinor = 2 } = {}) {
    this.link.onTick();
    this.session = this.take("hello").message.session;
    this.#sequence = 0;
    this.#send({
      welcome: {
        protocolMajor: 1, protocolMinor, epoch: BigInt(epoch), publishCredit: BigInt(publishCredit),
        publishCreditBytes: BigInt(publishCreditBytes),
      },
    }, 0);
  }
  say(body, payload = "", { skipped = 0 } = {}) {
    this.#sequence += 1 + skipped;
    this.#send(body, this.#sequence, payload);
  }
  unknown() {
    this.#send({ unknown: {} }, 0);
  }
  #send(body, sequence, payload = "") {
    const message = BrokerMessage.fromPartial({ session: this.session, sequence: BigInt(sequence), ...body });
    this.link.onMessage(Buffer.from(BrokerMessage.encode(message).finish()), Buffer.from(payload));
    this.link.endTurn();
  }

  // Answers a subscription: heads by the order of its rooms.
  subscribed(...heads) {
    const { handles } = this.take("subscribe");
    this.say({ subscribed: { handles, heads: heads.map(BigInt) } });
    return handles;
  }
  // [handle, packet, offset, previous, flags]...
  deliver(...events) {
    this.say({ delivery: { events: columns(events, ([handle]) => handle) } }, events.map(([, packet]) => packet).join(""));
  }
  // Answers a read: [packet, offset]...
  answerRead({ request }, events, { trimmed = 0, more = false } = {}) {
    const rows = events.map(([packet, offset]) => [0, packet, offset, 0, 0]);
    this.say({
      readAnswer: {
        request, events: columns(rows, () => 0), trimmedThrough: BigInt(trimmed),
        head: BigInt(events.at(-1)?.[1] ?? 0), more,
      },
    }, events.map(([packet]) => packet).join(""));
  }
  published(firstNumber, count, firstOffset, rest = {}) {
    this.say({ published: { runs: [{ firstNumber: BigInt(firstNumber), count, firstOffset: BigInt(firstOffset), ...rest }] } });
  }
}

function columns(events, roomOf) {
  let last = 0;
  return {
    count: events.length,
    packetSizes: events.map(([, packet]) => Buffer.byteLength(packet)),
    rooms: events.map(roomOf),
    flags: events.map(([, , , , flags = 0]) => flags),
    firstOffset: BigInt(events[0]?.[2] ?? 0),
    offsetSteps: events.map(([, , offset], i) => {
      const step = i === 0 ? 0 : offset - last;
      last = offset;
      return BigInt(step);
    }),
    previousSteps: events.map(([, , offset, previous]) => BigInt(offset - previous)),
  };
}

export function request(packet, { room = "/\0r", flags = 0, id = "" } = {}) {
  return { room, flags, id, packet: Buffer.from(packet) };
}
