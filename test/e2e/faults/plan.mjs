// What shall go wrong, and when: from a seed alone.
import { kLinkFaults } from "./proxy.mjs";

// The same numbers for the same seed, everywhere (mulberry32).
export class Random {
  #state;
  constructor(seed) {
    this.#state = seed >>> 0;
  }
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  between(least, most) {
    return least + Math.floor(this.unit() * (most - least + 1));
  }
  pick(list) {
    return list[this.between(0, list.length - 1)];
  }
  weighted(pairs) {
    let left = this.unit() * pairs.reduce((sum, [, weight]) => sum + weight, 0);
    return pairs.find(([, weight]) => (left -= weight) < 0)[0];
  }
}

const kPauseMs = [100, 1_200]; // From one fault to the next.
const kAwayMsMax = 3_000; // Of a killed process.
const kLastsMsMin = 100;

const kFaults = [
  ["cut client", 6],
  ["mass reconnect", 1],
  ["client link", 4],
  ["broker link", 3],
  ["kill edge", 2],
  ["kill broker", 2],
  ["stop edge", 2],
  ["stop broker", 2],
];

// A list of {at, fault, how, target, lasts}, times in milliseconds: all begin
// within `ms`, and are healed by then.
export function makePlan(random, { ms, lastsMsMax, edges, members }) {
  const plan = [];
  let at = 0;
  for (;;) {
    at += random.between(...kPauseMs);
    const fault = random.weighted(kFaults);
    const step = { at, fault, how: "", target: 0, lasts: 0 };
    if (fault === "cut client") step.target = random.between(0, members - 1);
    else if (!fault.endsWith("broker")) step.target = random.between(0, edges - 1);
    if (fault.startsWith("kill")) step.lasts = random.between(0, kAwayMsMax);
    if (fault.startsWith("stop")) step.lasts = random.between(kLastsMsMin, lastsMsMax);
    if (fault.endsWith("link")) {
      step.how = random.pick(kLinkFaults);
      if (step.how !== "reset") step.lasts = random.between(kLastsMsMin, lastsMsMax);
    }
    if (at >= ms) return plan;
    step.lasts = Math.min(step.lasts, ms - at);
    plan.push(step);
  }
}

export function describe({ at, fault, how, target, lasts }) {
  const what = [fault, how && `(${how})`, fault.endsWith("broker") ? "" : target].filter((part) => part !== "");
  return `${(at / 1000).toFixed(2)} s: ${what.join(" ")}${lasts ? ` for ${lasts} ms` : ""}`;
}
