// Socket.IO on Node.js: "m" goes to every client, "e" is acknowledged.
import { Server } from "socket.io";

const io = new Server(Number(process.argv[2]), { serveClient: false });
io.on("connection", (socket) => {
  socket.on("m", (data) => io.emit("m", data));
  socket.on("e", (data, acknowledge) => acknowledge(data));
});
