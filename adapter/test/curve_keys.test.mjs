// The keys of roomlog-keygen, as ZeroMQ wants them.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readCurveKeys } from "../dist/esm/curve_keys.js";

const { curveKeyPair } = createRequire(import.meta.url)("zeromq");

const directory = mkdtempSync(join(tmpdir(), "roomlog-keys-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const keyFile = join(directory, "server.key");

// https://rfc.zeromq.org/spec/32/
const kDigits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const hexOf = (z85) => z85.match(/.{5}/g).map((five) =>
  [...five].reduce((value, digit) => value * 85 + kDigits.indexOf(digit), 0).toString(16).padStart(8, "0")).join("");

test("without keys there are none", () => {
  assert.equal(readCurveKeys({}), null);
});

test("they are those that ZeroMQ makes", () => {
  for (let i = 0; i < 50; ++i) {
    const [broker, server] = [curveKeyPair(), curveKeyPair()];
    writeFileSync(keyFile, `# Keep it secret.\n\n  ${hexOf(server.secretKey)}\r\n`);
    assert.deepEqual(readCurveKeys({ keyFile, brokerKey: hexOf(broker.publicKey).toUpperCase() }), {
      curveServerKey: broker.publicKey, curvePublicKey: server.publicKey, curveSecretKey: server.secretKey,
    });
  }
});

test("what is none is refused, and not shown", () => {
  const brokerKey = "0".repeat(64);
  const refuses = (text, why) => {
    writeFileSync(keyFile, text);
    assert.throws(() => readCurveKeys({ keyFile, brokerKey }), (error) =>
      why.test(error.message) && error.message.includes(keyFile) && !error.message.includes("abcdef"));
  };
  refuses("", /not one line/);
  refuses("# only this\n", /not one line/);
  refuses(`${"abcdef01".repeat(8)}\n${"abcdef01".repeat(8)}\n`, /not one line/);
  refuses("abcdef", /64 hexadecimal digits/);
  refuses(`${"abcdef01".repeat(8)}0`, /64 hexadecimal digits/);
  assert.throws(() => readCurveKeys({ keyFile: join(directory, "none"), brokerKey }), { code: "ENOENT" });
  writeFileSync(keyFile, "abcdef01".repeat(8));
  assert.throws(() => readCurveKeys({ keyFile, brokerKey: "short" }), /brokerKey: a key is 64/);
  assert.throws(() => readCurveKeys({ keyFile }), TypeError);
  assert.throws(() => readCurveKeys({ brokerKey }), TypeError);
});
