// The page: what a person sees of a room. What must hold across lost
// connections is in room_follower.js and outbox.js; here is only the drawing.
import { Outbox } from "./outbox.js";
import { RoomFollower } from "./room_follower.js";
import { WhoIsHere } from "./who_is_here.js";

const kPageEvents = 50;
const kRecentRooms = 8;
const kNearEndPixels = 80;
const kNamesShown = 8;

const kGapReasons = {
  retention: "they are older than what this room keeps",
  epoch: "the log began a new life",
  expired: "this page was away for too long",
  limit: "there were too many to send at once",
  damage: "the log could not prove them whole",
};

const kErrors = {
  bad_request: "The node did not understand the page",
  bad_room: "That is not a room name",
  bad_event: "That is not an event name",
  bad_offset: "The log does not know where this page left off",
  too_large: "The message is too large",
  limit: "Too much at once; wait a moment",
  unavailable: "The log cannot be reached or cannot write just now",
};

const page = Object.fromEntries(
  Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]),
);

// ---- Who and where ----

const remembered = {
  get name() { return localStorage.getItem("roomlog.name") ?? ""; },
  set name(name) { localStorage.setItem("roomlog.name", name); },
  get rooms() { return JSON.parse(localStorage.getItem("roomlog.rooms") ?? "[]"); },
  add(room) {
    const rooms = [room, ...this.rooms.filter((other) => other !== room)];
    localStorage.setItem("roomlog.rooms", JSON.stringify(rooms.slice(0, kRecentRooms)));
  },
};

let myName = "";
let follower = null;
let here = null;
const socket = io({ transports: ["websocket"], autoConnect: false });
const outbox = new Outbox(socket, drawOutboxEntry);

const asked = new URLSearchParams(location.search);
const firstName = asked.get("name")?.trim() || remembered.name;
const firstRoom = asked.get("room")?.trim();
if (firstName && firstRoom) enter(firstName, firstRoom);
else askWho(firstName, firstRoom || remembered.rooms[0] || "lobby");

function askWho(name, room) {
  page.chat.hidden = true;
  page.entrance.hidden = false;
  page["enter-name"].value = name;
  page["enter-room"].value = room;
  (name ? page["enter-room"] : page["enter-name"]).focus();
}

page["enter-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  const name = page["enter-name"].value.trim();
  const room = page["enter-room"].value.trim();
  if (name && room) enter(name, room);
});

page.self.addEventListener("click", () => askWho(myName, follower.room));

function enter(name, room) {
  myName = remembered.name = name;
  page.self.textContent = name;
  page.entrance.hidden = true;
  page.chat.hidden = false;
  const isAnother = socket.auth?.user !== name;
  socket.auth = { user: name };
  if (isAnother && socket.connected) socket.disconnect();
  if (follower?.room !== room) goTo(room);
  socket.connect();
  page.say.focus();
}

function goTo(room) {
  follower?.leave();
  here?.leave();
  remembered.add(room);
  history.replaceState(null, "", `?${new URLSearchParams({ room })}`);
  document.title = `#${room} · Roomlog chat`;
  page["room-input"].value = room;
  page["recent-rooms"].replaceChildren(
    ...remembered.rooms.map((name) => Object.assign(document.createElement("option"), { value: name })),
  );
  page.messages.replaceChildren();
  page.outbox.replaceChildren();
  for (const id of ["older", "beginning", "empty", "to-newest"]) page[id].hidden = true;
  showProblem(null);
  follower = new RoomFollower(socket, room, ["message"], listenerFor(room));
  page.here.hidden = true;
  here = new WhoIsHere(socket, room, drawWhoIsHere);
  outbox.entries.forEach(drawOutboxEntry);
}

function drawWhoIsHere({ names, users, sockets }) {
  page.here.hidden = sockets === 0;
  const shown = names.slice(0, kNamesShown);
  const others = Math.max(users, names.length) - shown.length;
  page["here-names"].replaceChildren(...shown.map(nameElement));
  page["here-others"].textContent = others > 0 ? `and ${others} more` : "";
  page["here-others"].hidden = others <= 0;
  // Those who came with another program, and did not say who they are.
  if (names.length === 0) page["here-names"].replaceChildren(element("span", "", String(sockets)));
}

page["room-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  const room = page["room-input"].value.trim();
  if (room && room !== follower.room) goTo(room);
  page.say.focus();
});

// ---- The connection ----

function showState(state, text) {
  page.state.dataset.state = state;
  page.state.textContent = text;
}

socket.on("connect", () => {
  showState("connected", "connected");
  socket.emit("node", (answer) => {
    if (answer?.ok) page.node.textContent = answer.node;
  });
});
socket.on("disconnect", () => showState("connecting", "reconnecting…"));
socket.on("connect_error", () => showState("connecting", "reconnecting…"));

function showProblem(error) {
  page.problem.hidden = !error;
  if (error) page.problem.textContent = `${kErrors[error.code] ?? "Something went wrong"} (${error.message}).`;
}

// ---- What is said ----

function listenerFor(room) {
  let gapGoesHere = null; // A replay comes before the word that it has a gap.
  return {
    onJoining() {
      gapGoesHere?.remove();
      gapGoesHere = document.createElement("li");
      gapGoesHere.hidden = true;
      page.messages.append(gapGoesHere);
      page.messages.setAttribute("aria-busy", "true"); // Not read out one by one.
    },
    onJoined({ replayed, gap, resumed }) {
      showProblem(null);
      page.messages.removeAttribute("aria-busy");
      if (gap) gapGoesHere.replaceWith(gapElement(gap.reason));
      else gapGoesHere.remove();
      gapGoesHere = null;
      if (!resumed) {
        page.older.hidden = replayed < kPageEvents;
        page.beginning.hidden = replayed === 0 || replayed >= kPageEvents;
        scrollToNewest();
      }
      page.empty.hidden = page.messages.childElementCount > 0;
    },
    onEvent(event) {
      const follow = isNearEnd() || event.data?.name === myName;
      page.messages.append(messageElement(event));
      page.empty.hidden = true;
      if (event.meta.id) outboxElement(event.meta.id)?.remove();
      if (follow) scrollToNewest();
      else page["to-newest"].hidden = false;
    },
    onGap(reason) {
      page.messages.append(gapElement(reason));
    },
    onError: showProblem,
  };
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  // Only ever as text: what others say is never markup.
  if (text !== undefined) made.textContent = text;
  return made;
}

function messageElement({ data, meta, offset }) {
  const name = String(data?.name ?? "somebody");
  const item = element("li", name === myName ? "message mine" : "message");
  item.dataset.offset = offset;
  const time = new Date(meta.time);
  const when = element("time", "", time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  when.dateTime = time.toISOString();
  when.title = time.toLocaleString();
  const where = element("code", "offset", offset);
  where.title = "Offset: the place of this message in the log";
  const about = element("p", "about");
  about.append(nameElement(name), when, where);
  item.append(about, element("p", "text", String(data?.text ?? JSON.stringify(data))));
  return item;
}

function nameElement(name) {
  const made = element("strong", "name", name);
  let hue = 0;
  for (const character of name) hue = (hue * 31 + character.codePointAt(0)) % 360;
  made.style.setProperty("--hue", hue);
  return made;
}

function gapElement(reason) {
  const item = element("li", "gap", `Messages are missing here: ${kGapReasons[reason] ?? reason}.`);
  item.dataset.reason = reason;
  return item;
}

page["say-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  const text = page.say.value.trim();
  if (!text) return;
  page.say.value = "";
  outbox.publish(follower.room, "message", { name: myName, text });
});

function outboxElement(id) {
  return page.outbox.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function drawOutboxEntry(entry) {
  const shown = outboxElement(entry.id);
  if (entry.room !== follower?.room) return; // Still sent, only not shown here.
  if (entry.state === "stored") {
    // Its place is where the log put it: it is drawn when it comes from there.
    shown?.querySelector(".note")?.replaceChildren("stored");
    if (page.messages.querySelector(`[data-offset="${CSS.escape(entry.offset)}"]`)) shown?.remove();
    return;
  }
  const item = element("li", `message mine ${entry.state}`);
  item.dataset.id = entry.id;
  const note = element("p", "note");
  if (entry.state === "waiting") note.textContent = "waiting for a connection…";
  if (entry.state === "sending") note.textContent = "sending…";
  if (entry.state === "failed") {
    note.textContent = `Not sent: ${kErrors[entry.error.code] ?? entry.error.message}. `;
    const again = element("button", "", "Try again");
    again.type = "button";
    again.addEventListener("click", () => outbox.send(entry.id));
    const discard = element("button", "", "Discard");
    discard.type = "button";
    discard.addEventListener("click", () => {
      outbox.discard(entry.id);
      item.remove();
    });
    note.append(again, " ", discard);
  }
  item.append(element("p", "text", entry.data.text), note);
  if (shown) shown.replaceWith(item);
  else page.outbox.append(item);
  page.empty.hidden = true;
  scrollToNewest();
}

// ---- Scrolling ----

function isNearEnd() {
  const { scrollHeight, scrollTop, clientHeight } = page.scroller;
  return scrollHeight - scrollTop - clientHeight < kNearEndPixels;
}

function scrollToNewest() {
  page.scroller.scrollTop = page.scroller.scrollHeight;
  page["to-newest"].hidden = true;
}

let loadingOlder = false;
async function showOlder() {
  if (loadingOlder || page.older.hidden) return;
  loadingOlder = true;
  page.older.disabled = true;
  const asked = follower;
  try {
    const { events, more, gap } = await asked.older(kPageEvents);
    if (asked !== follower) return;
    const fromEnd = page.scroller.scrollHeight - page.scroller.scrollTop;
    page.messages.setAttribute("aria-busy", "true");
    page.messages.prepend(...events.reverse().map(messageElement));
    page.messages.removeAttribute("aria-busy");
    page.older.hidden = !more;
    page.beginning.hidden = more;
    if (gap) page.beginning.textContent = `What came before is gone: ${kGapReasons[gap.reason] ?? gap.reason}.`;
    page.scroller.scrollTop = page.scroller.scrollHeight - fromEnd; // Stays put.
  } catch (error) {
    showProblem(error);
  } finally {
    loadingOlder = false;
    page.older.disabled = false;
  }
}

page.older.addEventListener("click", showOlder);
page["to-newest"].addEventListener("click", scrollToNewest);
page.scroller.addEventListener("scroll", () => {
  if (page.scroller.scrollTop < kNearEndPixels) showOlder();
  if (isNearEnd()) page["to-newest"].hidden = true;
});
