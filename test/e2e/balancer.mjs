// The real nginx and HAProxy, with the very files of deploy/, of which only the
// addresses and paths are others.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Program } from "./cluster.mjs";
import { until } from "./until.mjs";

const kDeploy = fileURLToPath(new URL("../../deploy/", import.meta.url));

// Starts one before the cluster's nodes. `kind`: nginx or haproxy; `file`: its
// configuration. Resolves to {address, certificate}.
export async function startBalancer(cluster, kind, file) {
  const directory = join(cluster.directory, file);
  mkdirSync(directory);
  const certificate = makeCertificate(directory);
  const listen = `127.0.0.1:${await freePort()}`;
  const nodes = cluster.edges.map(({ address }) => new URL(address).host);
  const told = readFileSync(join(kDeploy, file), "utf8");
  const program = kind === "nginx"
    ? nginx(directory, replaceAll(told, [
      ["listen 443 ssl", `listen ${listen} ssl`],
      ["/etc/ssl/certs/chat.pem", join(directory, "chat.pem")],
      ["/etc/ssl/private/chat.key", join(directory, "chat.key")],
      ...nodes.map((node, i) => [`10.0.0.${i + 1}:8080`, node])]))
    : haproxy(directory, replaceAll(told, [
      ["maxconn 100000", "maxconn 1000"],
      ["bind :443", `bind ${listen}`],
      ["/etc/haproxy/chat.pem", join(directory, "both.pem")],
      ...nodes.map((node, i) => [`10.0.0.${i + 1}:8080`, node])]));
  cluster.programs.push(program);
  program.launch();
  const ended = program.exited.then(({ code }) => {
    throw new Error(`${kind} ended (${code}); is it installed? apt-get install nginx-light haproxy\n${program.log.join("\n")}`);
  });
  ended.catch(() => {}); // Once it listens, its end is no news here.
  const address = `https://${listen}`;
  await Promise.race([ended, until(() => listens(listen), `${kind} to listen`)]);
  return { address, certificate, program };
}

// Every one of them must be there, so that a test does not miss its point.
function replaceAll(text, replacements) {
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`the configuration has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

function nginx(directory, server) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(directory, name)};`).join("\n");
  writeFileSync(join(directory, "site.conf"), server);
  writeFileSync(join(directory, "nginx.conf"), `daemon off;
master_process off;
pid ${join(directory, "nginx.pid")};
error_log stderr;
worker_processes 1;
events {}
http {
access_log off;
${temporary}
include ${join(directory, "site.conf")};
}
`);
  return new Program("nginx", "/usr/sbin/nginx", ["-e", "stderr", "-p", directory, "-c", join(directory, "nginx.conf")]);
}

function haproxy(directory, text) {
  const file = join(directory, "haproxy.cfg");
  writeFileSync(file, text);
  return new Program("haproxy", "/usr/sbin/haproxy", ["-db", "-f", file]);
}

function makeCertificate(directory) {
  const [certificate, key] = [join(directory, "chat.pem"), join(directory, "chat.key")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
  { stdio: "pipe" });
  writeFileSync(join(directory, "both.pem"), readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
  return readFileSync(certificate, "utf8");
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function listens(address) {
  const [host, port] = address.split(":");
  return new Promise((done) => {
    const socket = connect({ host, port: Number(port) });
    socket.on("error", () => done(false));
    socket.on("connect", () => {
      done(true);
      socket.destroy();
    });
  });
}
