// Backends: what they ask over HTTP, and that docs/http-api.md and the OpenAPI
// description say the truth about it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import Ajv from "ajv";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kKey = "k".repeat(32);
const kShopKey = "s".repeat(32);
const kDocument = new URL("../../docs/http-api.md", import.meta.url);

// A cluster whose edges have keys, with a file of them that may be changed.
function apiStory(name, tell, { broker = true } = {}) {
  story(name, { edges: [] }, async (cluster, t) => {
    cluster.keyFile = join(cluster.directory, "api-keys");
    writeFileSync(cluster.keyFile, `all ${kKey}\nshop ${kShopKey} publish=orders/*\n`, { mode: 0o600 });
    const edge = (name) => cluster.addEdge(name, [`--api_keys=${cluster.keyFile}`,
      ...(broker ? [] : ["--broker=none"])]);
    await tell(cluster, edge, t);
  });
}

const clientOf = (cluster, node) => cluster.client(cluster.edges.indexOf(node));
const withKey = (key) => ({ authorization: `Bearer ${key}` });

async function ask(node, path, { key = kKey, body, method = body === undefined ? "GET" : "POST", headers } = {}) {
  const answer = await fetch(new URL(`/api/v1/${path}`, node.address), {
    method, headers: { ...withKey(key), ...headers }, body: typeof body === "object" ? JSON.stringify(body) : body });
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  return { status: answer.status, headers: answer.headers, json: await answer.json() };
}

// The answer, of which the description must know.
function checker(description) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema(description, "api");
  const pointer = (...parts) =>
    `api#/${parts.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
  return (path, method, { status, json }) => {
    const operation = description.paths[path][method];
    const response = operation.responses[status];
    assert.ok(response, `${method} ${path} answered ${status}, which its description does not know`);
    const where = response.$ref
      ? ["components", "responses", response.$ref.split("/").at(-1)]
      : ["paths", path, method, "responses", String(status)];
    const validate = ajv.compile({ $ref: pointer(...where, "content", "application/json", "schema") });
    assert.ok(validate(json), `${JSON.stringify(json)}: ${ajv.errorsText(validate.errors)}`);
  };
}

apiStory("what a backend publishes reaches clients, and is published once", async (cluster, edge) => {
  const nodes = [await edge("node-a"), await edge("node-b")];
  const client = await clientOf(cluster, nodes[1]);
  await client.join("orders/7");
  const event = { room: "orders/7", event: "paid", data: { amount: 12.5, text: "ü" }, id: "payment-1" };
  const first = await ask(nodes[0], "publish", { body: event });
  assert.equal(first.status, 200);
  assert.equal(first.json.duplicate, false);
  const again = await ask(nodes[1], "publish", { body: event });
  assert.deepEqual(again.json, { ok: true, offset: first.json.offset, duplicate: true });
  const batch = await ask(nodes[0], "publish/batch", { body: { events: [
    { room: "orders/7", event: "n", data: 1 }, { room: "orders/7", event: "connect" },
    { room: "orders/7", event: "n", data: 2 }, { room: "orders/8", event: "n" }] } });
  assert.deepEqual(batch.json.results.map(({ ok, error }) => ok || error.code), [true, "bad_event", true, true]);
  await until(() => client.events.length === 3, "the events");
  assert.deepEqual(client.events.map(({ name, data }) => [name, data]),
    [["paid", event.data], ["n", 1], ["n", 2]]);
  const history = await ask(nodes[1], "rooms/orders%2F7/history?limit=2");
  assert.deepEqual(history.json.events.map(({ data }) => data), [2, 1]);
  assert.equal(history.json.more, true);
  await until(async () => (await ask(nodes[0], "rooms/orders%2F7/presence")).json.sockets === 1, "the member");
});

apiStory("the rooms that somebody is in are listed page by page, those that the key may see", async (cluster, edge) => {
  const nodes = [await edge("node-a"), await edge("node-b")];
  const clients = [await clientOf(cluster, nodes[0]), await clientOf(cluster, nodes[1])];
  for (const room of ["orders/1", "orders/2", "news"]) await clients[0].join(room);
  await clients[1].join("news");
  const page = async (query) => (await ask(nodes[1], `rooms${query}`)).json;
  await until(async () => (await page("")).rooms.length === 3, "the rooms");
  assert.deepEqual((await page("")).rooms, [
    { room: "news", sockets: 2, users: 0 }, { room: "orders/1", sockets: 1, users: 0 }, { room: "orders/2", sockets: 1, users: 0 }]);
  const found = [];
  for (let next = ""; next !== null;) {
    const { rooms, next: beyond } = await page(`?limit=1&after=${encodeURIComponent(next)}`);
    found.push(...rooms.map(({ room }) => room));
    next = beyond;
  }
  assert.deepEqual(found, ["news", "orders/1", "orders/2"]);
  assert.deepEqual((await page("?namespace=%2Fother")).rooms, []);
  assert.deepEqual((await ask(nodes[0], "rooms", { key: kShopKey })).json.rooms, []);
});

apiStory("what a backend says of a user, clients hear", async (cluster, edge) => {
  const node = await edge("node-a");
  const client = await clientOf(cluster, node);
  assert.ok((await client.ask("user_state", ["a/n", { watch: true }])).ok);
  const put = await ask(node, "users/a%2Fn/state", { method: "PUT", body: { state: { n: 1.50, big: 12345678901234 } } });
  assert.equal(put.status, 200);
  const patch = await ask(node, "users/a%2Fn/state",
    { method: "PATCH", body: { state: { n: null }, version: put.json.version } });
  assert.equal(patch.status, 200);
  const { json } = await ask(node, "users/a%2Fn/state");
  assert.deepEqual(json, { ok: true, user: "a/n", state: { big: 12345678901234 }, version: patch.json.version, expires: null });
  await until(() => client.events.length === 2, "both changes");
  assert.deepEqual(client.events.map(({ data: { user, change } }) => [user, change]), [["a/n", "set"], ["a/n", "merge"]]);
  assert.equal((await ask(node, "users/a%2Fn/state?namespace=%2Fother")).json.state, null);
});

apiStory("a key does what its rules say, and can be replaced without a restart", async (cluster, edge) => {
  const node = await edge("node-a");
  const event = { room: "orders/7", event: "paid" };
  assert.equal((await ask(node, "publish", { body: event, key: kShopKey })).status, 200);
  const forbidden = await ask(node, "publish", { body: { ...event, room: "news" }, key: kShopKey });
  assert.equal(forbidden.status, 403);
  assert.match(forbidden.json.error.message, /the key shop does not grant publish of news/);
  assert.equal((await ask(node, "rooms/orders%2F7/history", { key: kShopKey })).status, 403);
  assert.equal((await ask(node, "presence", { key: kShopKey })).status, 403);
  const batch = await ask(node, "publish/batch", { key: kShopKey, body: { events: [event, { ...event, room: "news" }] } });
  assert.deepEqual(batch.json.results.map(({ ok, error }) => ok || error.code), [true, "forbidden"]);

  const newKey = "n".repeat(40);
  writeFileSync(cluster.keyFile, `all ${newKey}\n`);
  await until(async () => (await ask(node, "presence", { key: newKey })).status === 200, "the new key to count");
  assert.equal((await ask(node, "presence")).status, 401);
  writeFileSync(cluster.keyFile, "all short\n");
  await until(() => node.log.some((line) => line.includes("the keys read before stay in use")), "the log to say so");
  assert.equal((await ask(node, "presence", { key: newKey })).status, 200);
});

apiStory("nobody gets in without a key, and nothing is said of it", async (cluster, edge) => {
  const node = await edge("node-a");
  for (const headers of [{}, { authorization: "Bearer" }, { authorization: `Basic ${kKey}` },
    withKey(""), withKey(kKey.slice(1)), withKey(`${kKey}k`), { authorization: kKey }]) {
    const answer = await fetch(new URL("/api/v1/presence", node.address), { headers });
    assert.equal(answer.status, 401, JSON.stringify(headers));
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
  }
  // What there is, is known to all.
  assert.equal((await fetch(new URL("/api/v1/openapi.json", node.address))).status, 200);
  assert.ok(!node.log.some((line) => line.includes(kKey.slice(1))), "a key is in the log");
  const off = await cluster.addEdge("node-off");
  const answer = await fetch(new URL("/api/v1/presence", off.address), { headers: withKey(kKey) });
  assert.equal(answer.status, 404);
  assert.match((await answer.json()).error.message, /--api_keys/);
});

apiStory("an edge with wrong keys does not start, and says where", async (cluster, edge) => {
  writeFileSync(cluster.keyFile, `all ${kKey}\nsecond hunter2\n`);
  await assert.rejects(edge("node-a"), (error) => {
    assert.match(error.message, /--api_keys: .*api-keys: line 2: a key of 7 characters can be guessed/);
    assert.ok(!error.message.includes("hunter2"));
    return true;
  });
});

apiStory("the answers are those of the description", async (cluster, edge) => {
  const node = await edge("node-a");
  const { json: description } = await ask(node, "openapi.json");
  const check = checker(description);
  const client = await clientOf(cluster, node);
  await client.join("r");
  const event = { room: "r", event: "e", data: [1, "x", null], id: "1" };
  const cases = [
    ["/openapi.json", "get", 200, "openapi.json"],
    ["/publish", "post", 200, "publish", { body: event }],
    ["/publish", "post", 200, "publish", { body: event }],
    ["/publish", "post", 400, "publish", { body: "{" }],
    ["/publish", "post", 400, "publish", { body: { room: "r" } }],
    ["/publish", "post", 401, "publish", { body: event, key: "no" }],
    ["/publish", "post", 403, "publish", { body: event, key: kShopKey }],
    ["/publish", "post", 413, "publish", { body: { ...event, data: "x".repeat(1_000_000) } }],
    ["/publish/batch", "post", 200, "publish/batch", { body: { events: [event, {}] } }],
    ["/publish/batch", "post", 400, "publish/batch", { body: [] }],
    ["/publish/batch", "post", 413, "publish/batch", { body: { events: Array(1001).fill(event) } }],
    ["/rooms/{room}/history", "get", 200, "rooms/r/history"],
    ["/rooms/{room}/history", "get", 200, "rooms/nothing/history"],
    ["/rooms/{room}/history", "get", 400, "rooms/r/history?limit=0"],
    ["/rooms/{room}/presence", "get", 200, "rooms/r/presence"],
    ["/rooms/{room}/presence", "get", 200, "rooms/r/presence?list=sockets"],
    ["/rooms/{room}/presence", "get", 200, "rooms/r/presence?list=users"],
    ["/rooms/{room}/presence", "get", 200, "rooms/r/presence?user=ann"],
    ["/rooms/{room}/presence", "get", 400, "rooms/r/presence?list=all"],
    ["/rooms/{room}/presence", "get", 400, "rooms/r/presence?user=ann&list=users"],
    ["/presence", "get", 200, "presence?user=ann"],
    ["/rooms", "get", 200, "rooms"],
    ["/rooms", "get", 200, "rooms?limit=1&after=a"],
    ["/rooms", "get", 400, "rooms?list=users"],
    ["/users/{user}/state", "get", 200, "users/ann/state"],
    ["/users/{user}/state", "put", 200, "users/ann/state", { method: "PUT", body: { state: { a: 1 }, version: null } }],
    ["/users/{user}/state", "put", 409, "users/ann/state", { method: "PUT", body: { state: {}, version: null } }],
    ["/users/{user}/state", "put", 400, "users/ann/state", { method: "PUT", body: { state: [] } }],
    ["/users/{user}/state", "put", 400, "users/ann/state", { method: "PUT", body: { a: 1 } }],
    ["/users/{user}/state", "put", 413, "users/ann/state", { method: "PUT", body: { state: { a: "x".repeat(70_000) } } }],
    ["/users/{user}/state", "put", 403, "users/ann/state", { method: "PUT", body: { state: {} }, key: kShopKey }],
    ["/users/{user}/state", "patch", 200, "users/ann/state", { method: "PATCH", body: { state: { b: 2 }, ttl: 60_000 } }],
    ["/users/{user}/state", "patch", 400, "users/ann/state", { method: "PATCH", body: { namespace: "x", state: {} } }],
    ["/users/{user}/state", "get", 200, "users/ann/state?namespace=%2F"],
    ["/users/{user}/state", "get", 400, "users/ann/state?limit=1"],
    ["/users/{user}/state", "get", 403, "users/ann/state", { key: kShopKey }],
    ["/users/{user}/state", "delete", 409, "users/ann/state?version=1-1", { method: "DELETE" }],
    ["/users/{user}/state", "delete", 200, "users/ann/state", { method: "DELETE" }],
    ["/users/{user}/state", "delete", 200, "users/ann/state", { method: "DELETE" }],
    ["/users/{user}/disconnect", "post", 200, "users/ann/disconnect", { method: "POST" }],
    ["/users/{user}/disconnect", "post", 400, "users/ann/disconnect?namespace=%2F", { method: "POST" }],
    ["/users/{user}/revoke", "post", 200, "users/ann/revoke", { method: "POST" }],
    ["/users/{user}/revoke", "post", 403, "users/ann/revoke", { method: "POST", key: kShopKey }],
    ["/sockets/{socket}/disconnect", "post", 200, "sockets/nobody/disconnect", { method: "POST" }],
    ["/presence", "get", 200, "presence?namespace=%2F"],
    ["/presence", "get", 400, "presence?namespace=x"],
  ];
  for (const [path, method, status, target, options] of cases) {
    const answer = await ask(node, target, options);
    assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer.json)}`);
    check(path, method, answer);
  }
  const asked = new Set(cases.map(([path, method]) => `${method} ${path}`));
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const method of Object.keys(operations)) assert.ok(asked.has(`${method} ${path}`), `${method} ${path}`);
  }
  // A body that is far too large is refused before it is read.
  const huge = await ask(node, "publish", { body: `"${"x".repeat(5 << 20)}"` });
  assert.equal(huge.status, 413);
  check("/publish", "post", huge);
});

apiStory("while the broker is away a request waits, or is told so", async (cluster, edge) => {
  const node = await edge("node-a");
  await cluster.broker.kill();
  const waiting = ask(node, "publish", { body: { room: "r", event: "e", id: "1" } });
  await cluster.restartBroker();
  const { status, json } = await waiting;
  assert.ok(status === 200 || status === 503, JSON.stringify(json));
  await until(async () => (await ask(node, "publish", { body: { room: "r", event: "e", id: "1" } })).status === 200,
    "the broker to be back");
  const { json: history } = await ask(node, "rooms/r/history");
  assert.equal(history.events.length, 1);
});

apiStory("a node alone has it too", async (cluster, edge) => {
  const node = await edge("node-alone");
  assert.equal((await ask(node, "publish", { body: { room: "r", event: "e", data: 1 } })).json.ok, true);
  assert.equal((await ask(node, "rooms/r/history")).json.events[0].data, 1);
}, { broker: false });

// ```sh blocks are run; where a ```json block follows, the answer has its form.
apiStory("the examples of docs/http-api.md work", async (cluster, edge) => {
  const node = await edge("node-a");
  const text = readFileSync(kDocument, "utf8");
  const blocks = [...text.matchAll(/```(sh|json)\n([\s\S]*?)```/g)].map(([, kind, code]) => ({ kind, code }));
  assert.ok(blocks.filter(({ kind }) => kind === "sh").length >= 6);
  const env = { ...process.env, EDGE: node.address, KEY: kKey };
  for (const [i, { kind, code }] of blocks.entries()) {
    if (kind !== "sh") continue;
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", code], { env });
    if (blocks[i + 1]?.kind !== "json") continue;
    assert.deepEqual(shapeOf(JSON.parse(stdout)), shapeOf(JSON.parse(blocks[i + 1].code)), code);
  }
});

// What is the same in every run: names, and all values but offsets and times.
function shapeOf(value, name = "") {
  if (["offset", "time", "version", "expires"].includes(name)) return value === null ? null : typeof value;
  if (Array.isArray(value)) return value.map((element) => shapeOf(element));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member, key)]));
}
