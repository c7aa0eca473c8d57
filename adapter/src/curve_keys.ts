// The keys by which servers and brokers know each other (CurveZMQ), as roomlog-keygen
// writes them. Mirrors base/curve_key.h.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";

export interface KeyOptions {
  // For a broker with keys: the file that roomlog-keygen wrote for this server, whose
  // public key the broker's list must have, and the broker's own public key.
  keyFile?: string;
  brokerKey?: string;
}

// As ZeroMQ takes them.
export interface CurveKeys {
  curveServerKey: string;
  curvePublicKey: string;
  curveSecretKey: string;
}

// Null: without keys. Throws an Error that says what is wrong, and never what a key is.
export function readCurveKeys({ keyFile, brokerKey }: KeyOptions): CurveKeys | null {
  if (keyFile === undefined && brokerKey === undefined) return null;
  if (keyFile === undefined || brokerKey === undefined) {
    throw new TypeError("keyFile and brokerKey are given together or not at all");
  }
  const lines = readFileSync(keyFile, "utf8").split("\n").map((line) => line.trim());
  const [secret, ...more] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (secret === undefined || more.length > 0) {
    throw new Error(`${keyFile}: not one line with a secret key, as roomlog-keygen writes it`);
  }
  const secretKey = parseKey(secret, keyFile);
  return {
    curveServerKey: toZ85(parseKey(brokerKey, "brokerKey")),
    curvePublicKey: toZ85(publicKeyOf(secretKey)),
    curveSecretKey: toZ85(secretKey),
  };
}

function parseKey(text: string, where: string): Buffer {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error(`${where}: a key is 64 hexadecimal digits`);
  return Buffer.from(text, "hex");
}

// Of a secret key for Curve25519 (RFC 7748), which Node.js takes in an envelope (RFC 8410).
const kSecretKeyEnvelope = Buffer.from("302e020100300506032b656e04220420", "hex");

function publicKeyOf(secretKey: Buffer): Buffer {
  const key = createPrivateKey({ key: Buffer.concat([kSecretKeyEnvelope, secretKey]), format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
}

// ZeroMQ's text form of bytes, four at a time: https://rfc.zeromq.org/spec/32/
const kZ85Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

function toZ85(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    const value = bytes.readUInt32BE(at);
    for (let unit = 85 ** 4; unit >= 1; unit /= 85) text += kZ85Digits[Math.floor(value / unit) % 85];
  }
  return text;
}
