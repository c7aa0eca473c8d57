// Makes src/generated from the messages in ../proto, which stay their only
// source. Needs protoc (package protobuf-compiler).
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const adapter = fileURLToPath(new URL("..", import.meta.url));
const out = `${adapter}src/generated`;
const options = [
  "forceLong=bigint", // Sessions and epochs use all 64 bits.
  "importSuffix=.js",
  "esModuleInterop=true",
  "outputJsonMethods=false",
  "useExactTypes=false",
];
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
execFileSync("protoc", [
  `--plugin=${adapter}node_modules/.bin/protoc-gen-ts_proto`,
  `--ts_proto_out=${out}`,
  `--ts_proto_opt=${options.join(",")}`,
  `--proto_path=${adapter}..`,
  ...["backplane", "events", "node_messages", "sessions", "users"].map((name) => `proto/${name}.proto`),
], { stdio: "inherit" });
