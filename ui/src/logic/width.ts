// How wide texts can be, without asking the browser: letters of 13 pixels in any system's font.

/** At least the width of a text. Only what may be wider than its cell needs a clip of its own, and
 * clips are what a browser pays most for when a table scrolls. */
export function atMost(text: string): number {
  let found = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 126) found += 14;
    else if (code === 77 || code === 87 || code === 109 || code === 119 || code === 64 || code === 37)
      found += 13; // MWmw@%
    else found += code >= 65 && code <= 90 ? 10.5 : 8.3;
  }
  return found;
}
