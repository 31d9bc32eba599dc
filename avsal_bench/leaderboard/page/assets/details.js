"use strict";
// What panels show is packed in parts (base64 of zlib), and a part is unpacked when a row of it is opened.
const Details = (() => {
  const made = new Map();
  let packed = null;
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  };
  return {
    able: typeof DecompressionStream === "function",
    // A promise of the values of a part; of null where the page had no room for it, or the browser cannot unpack it.
    load(name) {
      packed ??= JSON.parse(document.getElementById("details").textContent);
      if (!this.able || !(name in packed)) return Promise.resolve(null);
      if (!made.has(name)) made.set(name, unpack(packed[name]));
      return made.get(name);
    },
  };
})();
