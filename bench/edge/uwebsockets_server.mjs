// uWebSockets: every message goes to every client, by its own publish.
import uWS from "uwebsockets";

const app = uWS.App();
app.ws("/*", {
  idleTimeout: 0,
  maxBackpressure: 64 * 1024 * 1024,
  open: (ws) => ws.subscribe("all"),
  message: (ws, message, isBinary) => app.publish("all", message, isBinary),
});
app.listen("127.0.0.1", Number(process.argv[2]), (token) => {
  if (!token) process.exit(1);
});
