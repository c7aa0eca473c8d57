// What a poll costs that comes to the wrong node: raw Engine.IO over kept
// connections, on the session's own node and on another, in turn. Prints one
// line of JSON, in microseconds. See bench/README.md.
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    owner: { type: "string" }, // Addresses.
    other: { type: "string" },
    rounds: { type: "string", default: "2000" },
  },
});
const agent = new Agent({ keepAlive: true });

function ask(address, sid, method = "GET", body = "") {
  const url = new URL(`/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ""}`, address);
  return new Promise((done, fail) => {
    const req = request(url, { method, agent }, (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (some) => (text += some));
      res.on("end", () => (res.statusCode === 200 ? done(text) : fail(new Error(`${res.statusCode} ${text}`))));
    });
    req.on("error", fail);
    req.end(body);
  });
}

const sid = JSON.parse((await ask(values.owner)).slice(1)).sid;
await ask(values.owner, sid, "POST", "40");
await ask(values.owner, sid);
let acks = 0;
// A request of the client's, and the poll that brings its answer.
async function roundTrip(address) {
  const began = performance.now();
  await ask(address, sid, "POST", `42${acks}["node"]`);
  for (;;) {
    const text = await ask(address, sid);
    if (text.includes(`43${acks}[`)) break;
    if (text === "2") await ask(address, sid, "POST", "3");
  }
  acks++;
  return (performance.now() - began) * 1000;
}

const micros = { owner: [], other: [] };
const rounds = Number(values.rounds);
for (let round = 0; round < rounds; round++) {
  for (const [name, list] of Object.entries(micros)) {
    const took = await roundTrip(values[name]);
    if (round >= rounds / 10) list.push(took); // Warm by then.
  }
}
const quantile = (list, part) => list.sort((a, b) => a - b)[Math.floor(list.length * part)];
console.log(JSON.stringify(Object.fromEntries(Object.entries(micros).map(([name, list]) =>
  [name, { p50: quantile(list, 0.5), p99: quantile(list, 0.99) }]))));
process.exit();
