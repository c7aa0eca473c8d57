// A balancer without stickiness: each request goes to the next node.
import { createServer, request } from "node:http";

// Resolves to {address, close(), counts}: the requests that each node got.
export async function roundRobin(addresses) {
  const counts = addresses.map(() => 0);
  let next = 0;
  const server = createServer((req, res) => {
    const i = next++ % addresses.length;
    counts[i]++;
    const { hostname, port } = new URL(addresses[i]);
    const onward = request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    const fail = () => (res.headersSent ? res.destroy() : res.writeHead(502).end());
    onward.on("error", fail);
    res.on("close", () => onward.destroy());
    req.pipe(onward);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    counts,
    close: () => {
      server.closeAllConnections?.();
      server.close();
    },
  };
}
