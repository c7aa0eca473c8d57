// A process of its own that publishes on a node every 5 ms and listens there:
// within the process of ten thousand clients it would measure them. Its parent
// sends any message to take the p99 since the last one.
import { RawClient } from "./raw_client.mjs";

const address = process.argv[2];
const publisher = new RawClient();
const listener = new RawClient();
await Promise.all([publisher.connect(address), listener.connect(address)]);
await listener.ask("join", "latency");

let millis = [];
listener.onEvent = ([, sentAt]) => millis.push(performance.now() - sentAt);
setInterval(() => publisher.ask("publish", "latency", "message", performance.now()), 5);
process.on("message", () => {
  millis.sort((a, b) => a - b);
  process.send({ p99: millis[Math.floor(millis.length * 0.99)], heard: millis.length });
  millis = [];
});
process.on("disconnect", () => process.exit());
process.send("ready");
