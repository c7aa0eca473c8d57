// A balancer without stickiness: each request goes to the next node. One that
// takes no connection gets no more.
import { createServer, request } from "node:http";

// Resolves to {address, close(), counts}: the requests that each node got.
export async function roundRobin(addresses) {
  const counts = addresses.map(() => 0);
  const gone = new Set();
  let next = 0;
  const server = createServer((req, res) => {
    let i = next++ % addresses.length;
    while (gone.has(i) && gone.size < addresses.length) i = next++ % addresses.length;
    counts[i]++;
    const { hostname, port } = new URL(addresses[i]);
    const onward = request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    const fail = () => (res.headersSent ? res.destroy() : res.writeHead(502).end());
    onward.on("error", (error) => {
      if (error.code === "ECONNREFUSED") gone.add(i);
      fail();
    });
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
