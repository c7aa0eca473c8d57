// The link breaks as it says, and is whole again when it is healed.
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { after, test } from "node:test";
import { until } from "../until.mjs";
import { Proxy } from "./proxy.mjs";

const ends = [];
after(() => ends.forEach((end) => end()));

// A server that answers each byte by itself, and a link to it.
async function echo() {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const proxy = await new Proxy("127.0.0.1", server.address().port).listen();
  ends.push(() => (proxy.close(), server.close()));
  return proxy;
}

function open(proxy) {
  const client = connect(proxy.port, "127.0.0.1");
  client.heard = "";
  client.on("data", (bytes) => (client.heard += bytes));
  client.on("error", () => {});
  ends.push(() => client.destroy());
  return client;
}

const hears = (client, text) => until(() => client.heard === text, () => `${text}; ${client.heard} came`);

for (const fault of ["swallow up", "swallow down", "swallow both", "half-open"]) {
  test(`${fault}: nothing comes, and the connection ends when the link is healed`, async () => {
    const proxy = await echo();
    const client = open(proxy);
    client.write("a");
    await hears(client, "a");
    proxy.break(fault);
    client.write("b");
    const late = open(proxy);
    late.write("c");
    await until(() => late.readyState === "open", "the late one to connect");
    await new Promise((done) => setTimeout(done, 50)); // Longer than the loopback takes.
    assert.deepEqual([client.heard, late.heard, client.destroyed], ["a", "", false]);
    proxy.heal();
    await until(() => client.destroyed && late.destroyed, "both to be reset");
    const next = open(proxy);
    next.write("d");
    await hears(next, "d");
  });
}

test("stall: all comes, but only when the link is healed", async () => {
  const proxy = await echo();
  const client = open(proxy);
  client.write("a");
  await hears(client, "a");
  proxy.break("stall");
  client.write("b");
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(client.heard, "a");
  proxy.heal();
  await hears(client, "ab");
});

test("reset: the connection ends at once", async () => {
  const proxy = await echo();
  const client = open(proxy);
  client.write("a");
  await hears(client, "a");
  proxy.break("reset");
  await until(() => client.destroyed, "the end");
});
