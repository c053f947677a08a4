// Connects a page to an Emostream installation: see emostream.d.ts.
export function connect(options = {}) {
  throw new Error("not there");
}
