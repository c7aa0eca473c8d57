// Waits for a condition, never for luck. Resolves to the first truthy value
// that `condition` gives; `what` may be a function that tells how far it got.
export async function until(condition, what, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${typeof what === "function" ? what() : what}`);
    }
    await new Promise((done) => setTimeout(done, 10));
  }
}
