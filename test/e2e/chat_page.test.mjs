// The chat page in a real browser, as two people on two nodes see it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { startBalancer } from "./balancer.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kPage = mkdtempSync(join(tmpdir(), "roomlog-page-"));
const kTimeoutMs = 20_000;
let browser;

before(async () => {
  execFileSync(fileURLToPath(new URL("../../examples/chat/assemble", import.meta.url)), [kPage]);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", // CI runs as root, where Chromium has none.
      "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
      "--disable-background-networking", "--disable-component-update",
    ],
  });
});
after(async () => {
  await browser?.close();
  rmSync(kPage, { recursive: true, force: true });
});

const options = { edgeFlags: [`--static=${kPage}`] };

// A person of that name in that room, on the node with that index, or at that
// address.
async function person(cluster, name, room, edge) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(kTimeoutMs);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error") page.problems.push(line.text());
  });
  const where = new URLSearchParams({ name, room });
  await page.goto(`${cluster.edges[edge]?.address ?? edge}/?${where}`);
  await page.locator("#state[data-state=connected]").waitFor();
  return page;
}

async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

const texts = (page) => page.locator("#messages .message .text").allTextContents();
const sees = (page, text) => page.locator("#messages .message .text", { hasText: text }).waitFor();

story("two people on two nodes see each other's messages", options, async (cluster) => {
  const ada = await person(cluster, "Ada", "lobby", 0);
  const bob = await person(cluster, "Bob", "lobby", 1);
  assert.equal(await ada.locator("#node").textContent(), "node-a");
  assert.equal(await bob.locator("#node").textContent(), "node-b");

  await say(ada, "hello from a");
  await sees(bob, "hello from a");
  await say(bob, "hello from b");
  await sees(ada, "hello from b");

  const wanted = ["hello from a", "hello from b"];
  assert.deepEqual(await texts(ada), wanted);
  assert.deepEqual(await texts(bob), wanted);
  const offsets = (page) => page.locator("#messages .offset").allTextContents();
  assert.deepEqual(await offsets(ada), await offsets(bob));
  assert.equal(await ada.locator("#outbox .message").count(), 0, "nothing is left unsent");
  assert.deepEqual([...ada.problems, ...bob.problems], []);
});

const namesHere = (page) => page.locator("#here-names .name").allTextContents();
function seesHere(page, names) {
  let last;
  return until(async () => {
    last = await namesHere(page);
    return String(last) === String(names);
  }, () => `${names} to be there, not ${last}`);
}

for (const brokerFlags of [["--presence_feed=/:*"], []]) {
  story(`the page shows who is there${brokerFlags.length ? "" : ", without a feed too"}`, { ...options, brokerFlags },
    async (cluster) => {
      const ada = await person(cluster, "Ada", "lobby", 0);
      const bob = await person(cluster, "Bob", "lobby", 1);
      await seesHere(bob, ["Ada", "Bob"]);
      await seesHere(ada, ["Ada", "Bob"]);
      const elsewhere = await person(cluster, "Cy", "hall", 1);
      await seesHere(elsewhere, ["Cy"]);
      // Two tabs are one person.
      const tab = await person(cluster, "Bob", "lobby", 0);
      await seesHere(tab, ["Ada", "Bob"]);
      await bob.context().close();
      await seesHere(ada, ["Ada", "Bob"]);
      await tab.locator("#room-input").fill("hall");
      await tab.getByRole("button", { name: "Switch" }).click();
      await seesHere(tab, ["Bob", "Cy"]);
      await seesHere(ada, ["Ada"]);
      assert.deepEqual([...ada.problems, ...tab.problems, ...elsewhere.problems], []);
    });
}

for (const [kind, file] of [["nginx", "nginx-round-robin.conf"], ["haproxy", "haproxy-round-robin.cfg"]]) {
  story(`the page works through ${kind}`, { ...options, edges: ["node-a", "node-b", "node-c"], brokerFlags: ["--presence_feed=/:*"] },
    async (cluster) => {
      const { address } = await startBalancer(cluster, kind, file);
      const ada = await person(cluster, "Ada", "lobby", address);
      const bob = await person(cluster, "Bob", "lobby", address);
      await say(ada, "hello through it");
      await sees(bob, "hello through it");
      await seesHere(ada, ["Ada", "Bob"]);
      await seesHere(bob, ["Ada", "Bob"]);
      assert.deepEqual([...ada.problems, ...bob.problems], []);
    });
}

story("what others say is never markup", options, async (cluster) => {
  const ada = await person(cluster, "<i>Ada</i>", "lobby", 0);
  const bob = await person(cluster, "Bob", "lobby", 1);
  await say(ada, "<img src=x onerror=alert(1)>");
  await sees(bob, "<img src=x onerror=alert(1)>");
  assert.equal(await bob.locator("#messages img, #messages i").count(), 0);
  assert.deepEqual(bob.problems, []);
});

story("who comes late reads what was said, and scrolls back for more", options, async (cluster) => {
  const early = await cluster.client(0);
  for (let i = 0; i < 120; i++) {
    const { ok } = await early.publish("lobby", "message", { name: "Ada", text: `number ${i}` });
    assert.ok(ok);
  }
  const numbers = (from) => Array.from({ length: 120 - from }, (_, i) => `number ${from + i}`);

  const page = await person(cluster, "Bob", "lobby", 1);
  await sees(page, "number 119");
  assert.deepEqual(await texts(page), numbers(70), "the last 50 come on joining");

  await page.locator("#scroller").evaluate((scroller) => (scroller.scrollTop = 0));
  await sees(page, "number 20");
  assert.deepEqual(await texts(page), numbers(20), "the 50 before them come on scrolling up");

  await page.locator("#scroller").evaluate((scroller) => (scroller.scrollTop = 0));
  await page.locator("#beginning").waitFor();
  assert.deepEqual(await texts(page), numbers(0));
  assert.deepEqual(page.problems, []);
});

story("a page whose node dies and comes back misses nothing and says nothing twice", options, async (cluster) => {
  const page = await person(cluster, "Ada", "lobby", 0);
  await say(page, "before");
  await sees(page, "before");

  const [edge] = cluster.edges;
  await edge.kill("SIGKILL");
  await page.locator("#state[data-state=connecting]").waitFor();
  await say(page, "written while away");
  await page.locator("#outbox .waiting").waitFor();
  const other = await cluster.client(1);
  assert.ok((await other.publish("lobby", "message", { name: "Bob", text: "missed" })).ok);

  await edge.start([`--listen=${new URL(edge.address).host}`]);
  await sees(page, "written while away");
  assert.deepEqual(await texts(page), ["before", "missed", "written while away"]);
  await page.locator("#outbox .message").waitFor({ state: "detached" });
  assert.equal(await page.locator("#messages .gap").count(), 0);
});

story("rooms are switched without mixing them", options, async (cluster) => {
  const page = await person(cluster, "Ada", "one", 0);
  await say(page, "in one");
  await sees(page, "in one");
  await page.locator("#room-input").fill("two");
  await page.getByRole("button", { name: "Switch" }).click();
  await page.locator("#empty").waitFor();
  assert.deepEqual(await texts(page), []);
  await say(page, "in two");
  await sees(page, "in two");
  await page.locator("#room-input").fill("one");
  await page.getByRole("button", { name: "Switch" }).click();
  await sees(page, "in one");
  assert.deepEqual(await texts(page), ["in one"]);
  assert.deepEqual(page.problems, []);
});
