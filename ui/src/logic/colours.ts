// A run keeps its colour everywhere: from its id, and where two of a view collide, the next free.

// Computed for distance in normal, protan, deutan and tritan sight, and 3:1 on the background.
export const LIGHT = "#1f5fbf #97210f #dd7a36 #35086b #9b8cc9 #986372 #580b1d #544365".split(" ");
export const DARK = "#6ea8ff #ec6f98 #ecee46 #8942c5 #58fbf2 #b63640 #cbb936 #a48e0c".split(" ");
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

export interface Style {
  colour: string;
  dash: number[];
}

function hash(text: string): number {
  let found = 2166136261;
  for (let i = 0; i < text.length; i++) found = Math.imul(found ^ text.charCodeAt(i), 16777619);
  return found >>> 0;
}

/** Eight colours, then the same with dashes. */
function styleAt(at: number, dark: boolean): Style {
  const colours = dark ? DARK : LIGHT;
  return { colour: colours[at % colours.length], dash: DASHES[Math.floor(at / colours.length) % DASHES.length] };
}

/** Styles of groups, in their order: a few are as far apart as colours go. */
export const stylesInOrder = (names: string[], dark: boolean) =>
  new Map(names.map((name, at) => [name, styleAt(at, dark)]));

/** Styles of the runs of a view, by their ids. */
export function styles(ids: Iterable<string>, dark: boolean): Map<string, Style> {
  const colours = dark ? DARK : LIGHT;
  const found = new Map<string, Style>();
  const taken = new Set<number>();
  for (const id of ids) {
    if (taken.size === colours.length * DASHES.length) taken.clear();
    let at = hash(id) % colours.length;
    for (let tries = 0; taken.has(at) && tries < colours.length * DASHES.length; tries++) {
      // The next colour, and the next dash when all colours are taken.
      const round = Math.floor(taken.size / colours.length);
      at = round * colours.length + ((at + 1) % colours.length);
    }
    taken.add(at);
    found.set(id, styleAt(at, dark));
  }
  return found;
}

const VIRIDIS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** A colour of the viridis map, for 0 to 1; on white its light end is left out. */
export function viridis(part: number, dark: boolean): string {
  const place = Math.min(Math.max(part, 0), 1) * (dark ? 1 : 0.86) + (dark ? 0.1 * (1 - part) : 0);
  const at = Math.min(place, 0.9999) * (VIRIDIS.length - 1);
  const [a, b] = [VIRIDIS[Math.floor(at)], VIRIDIS[Math.floor(at) + 1]];
  const mix = a.map((value, i) => Math.round(value + (b[i] - value) * (at % 1)));
  return `rgb(${mix.join(",")})`;
}
