// Reads the offsets of events, which are opaque to applications: a test may know
// more. "<epoch>-<offset>" in hexadecimal; while history is sent to a client that
// may recover, "<event>~<place>~<join>" (docs/decisions/0016-sessions.md).
export function placeOf(offset) {
  const [event, place = event] = offset.split("~");
  const read = (text) => {
    const [log, number] = text.split("-");
    return { log, place: parseInt(number, 16) };
  };
  return { event, ...read(event), clientPlace: read(place).place };
}
