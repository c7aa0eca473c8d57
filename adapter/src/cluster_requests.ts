// What this node has asked of the cluster and is waiting for. Mirrors
// node/server/cluster_requests.h.
import type { PublishAnswer } from "./backplane.js";
import type { NodeAnswer, Sockets_One } from "./generated/proto/node_messages.js";
import { kClusterRequestsMax } from "./limits.js";
import { RoomlogError } from "./roomlog_error.js";
import { loadValues } from "./stored_packet.js";

// What came, as far as it came.
export interface Answers {
  receivers: number; // Nodes that were handed the request.
  answered: number; // Of them.
  unconcerned: number; // Of those, the ones that had nothing to say.
  clients: number; // That were asked to acknowledge.
  values: unknown[];
  sockets: Sockets_One[];
}

export interface Asker {
  // Complete if there is no error. Called once.
  done(error: RoomlogError | null, answers: Answers): void;
  // Every copy was handed on, to so many nodes in all.
  onReceivers?(receivers: number): void;
  onClientCount?(clients: number): void;
  onClientAck?(value: unknown): void;
}

interface Open {
  copies: number; // Whose publish is not answered yet.
  acks: number;
  answers: Answers;
  asker: Asker;
  timer: NodeJS.Timeout;
}

// A request is complete when every node that was handed it has answered (which it
// does with nothing to say, too) and every client that was counted has acknowledged.
export class ClusterRequests {
  readonly #open = new Map<bigint, Open>();
  #lastId = 0n;

  get open(): number {
    return this.#open.size;
  }

  // A request that is published in `copies` events. Null, and the asker was told, if
  // there are too many.
  begin(copies: number, timeoutMs: number, asker: Asker): bigint | null {
    const answers: Answers = { receivers: 0, answered: 0, unconcerned: 0, clients: 0, values: [], sockets: [] };
    if (this.#open.size >= kClusterRequestsMax) {
      asker.done(new RoomlogError("limit", "too many requests to the cluster are unanswered"), answers);
      return null;
    }
    const id = ++this.#lastId;
    const timer = setTimeout(() => {
      const { receivers, answered, unconcerned } = answers;
      // Socket.IO's own words.
      this.#end(id, new RoomlogError("timeout", answers.clients > 0
        ? "operation has timed out"
        : `timeout reached: only ${answered - unconcerned} responses received out of ${receivers - unconcerned}`));
    }, timeoutMs);
    this.#open.set(id, { copies, acks: 0, answers, asker, timer });
    return id;
  }

  // The publish of one of its copies was answered.
  onPublished(id: bigint, error: RoomlogError | null, answer?: PublishAnswer): void {
    const open = this.#open.get(id);
    if (!open) return;
    if (error) {
      this.#end(id, error);
      return;
    }
    open.answers.receivers += answer?.receivers ?? 0;
    if (--open.copies === 0) open.asker.onReceivers?.(open.answers.receivers);
    this.#endIfComplete(id, open);
  }

  onAnswer(answer: NodeAnswer): void {
    const open = this.#open.get(answer.request);
    if (!open) return; // It came too late.
    const { answers, asker } = open;
    if (answer.clientCount) {
      ++answers.answered;
      answers.clients += answer.clientCount.clients;
      asker.onClientCount?.(answer.clientCount.clients);
    } else if (answer.clientAck) {
      ++open.acks;
      const value = firstValue(answer.clientAck.values);
      answers.values.push(value);
      asker.onClientAck?.(value);
    } else if (answer.sockets) {
      if (!answer.sockets.more) ++answers.answered;
      answers.sockets.push(...answer.sockets.sockets);
    } else if (answer.serverSideAnswer) {
      ++answers.answered;
      if (answer.serverSideAnswer.handled) answers.values.push(firstValue(answer.serverSideAnswer.values));
      else ++answers.unconcerned;
    }
    this.#endIfComplete(answer.request, open);
  }

  // Nothing more will come.
  close(): void {
    for (const id of [...this.#open.keys()]) this.#end(id, new RoomlogError("unavailable", "this server has closed"));
  }

  #endIfComplete(id: bigint, { copies, acks, answers }: Open): void {
    if (copies === 0 && answers.answered >= answers.receivers && acks >= answers.clients) this.#end(id, null);
  }

  #end(id: bigint, error: RoomlogError | null): void {
    const open = this.#open.get(id)!;
    this.#open.delete(id);
    clearTimeout(open.timer);
    open.asker.done(error, open.answers);
  }
}

function firstValue(stored: Uint8Array): unknown {
  try {
    return loadValues(stored)[0] ?? null;
  } catch {
    return null;
  }
}
