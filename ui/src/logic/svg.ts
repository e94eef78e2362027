// A chart as an SVG document: for papers, and as what a PNG is made of. No DOM.

export interface Picture {
  title: string;
  width: number;
  height: number; // of the plot
  lines: {
    name: string;
    colour: string;
    dash: number[];
    alpha: number;
    width: number;
    points: [number, number][];
    listed: boolean;
  }[];
  bands: { colour: string; points: [number, number][] }[];
  xTicks: [number, string][];
  yTicks: [number, string][];
  colours: { background: string; text: string; dim: string; line: string };
}

const [LEFT, RIGHT, TOP, BOTTOM, ROW] = [58, 16, 40, 28, 18];
const LISTED = 24; // lines that are named below

export const escaped = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const r = (value: number) => String(Math.round(value * 10) / 10);
const path = (points: [number, number][]) => points.map(([x, y], i) => `${i ? "L" : "M"}${r(x)} ${r(y)}`).join("");

export function svg(picture: Picture): string {
  const { width, height, colours } = picture;
  const named = picture.lines.filter((line) => line.listed).slice(0, LISTED);
  const columns = Math.max(1, Math.floor(width / 200));
  const whole = [
    LEFT + width + RIGHT,
    TOP + height + BOTTOM + (named.length > 1 ? Math.ceil(named.length / columns) * ROW + 10 : 0),
  ];
  const text = (x: number, y: number, anchor: string, value: string, more = `fill="${colours.dim}"`) =>
    `<text x="${r(x)}" y="${r(y)}" text-anchor="${anchor}" ${more}>${escaped(value)}</text>`;
  const legend = named.map(({ name, colour, dash }, i) => {
    const [x, y] = [LEFT + (i % columns) * 200, TOP + height + BOTTOM + 12 + Math.floor(i / columns) * ROW];
    const shown = name.length > 28 ? `${name.slice(0, 27)}…` : name;
    const mark = `<path d="M${x} ${y}h14" stroke="${colour}" stroke-width="3" stroke-dasharray="${dash.join(" ")}"/>`;
    return mark + text(x + 20, y + 4, "start", shown);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${whole[0]}" height="${whole[1]}" viewBox="0 0 ${whole.join(" ")}"`,
    ' font-family="Inter, system-ui, sans-serif" font-size="11">',
    `<rect width="100%" height="100%" fill="${colours.background}"/>`,
    text(LEFT, 24, "start", picture.title, `fill="${colours.text}" font-size="13" font-weight="600"`),
    `<clipPath id="area"><rect width="${width}" height="${height}"/></clipPath>`,
    `<g transform="translate(${LEFT} ${TOP})">`,
    ...picture.yTicks.map(
      ([y, label]) => `<path d="M0 ${r(y)}h${width}" stroke="${colours.line}"/>${text(-8, y + 4, "end", label)}`,
    ),
    ...picture.xTicks.map(([x, label]) => text(x, height + 18, "middle", label)),
    '<g clip-path="url(#area)" fill="none" stroke-linejoin="round">',
    ...picture.bands.map(({ colour, points }) => `<path d="${path(points)}Z" fill="${colour}" fill-opacity=".15"/>`),
    ...picture.lines.map(
      (line) =>
        `<path d="${path(line.points)}" stroke="${line.colour}" stroke-width="${line.width}"` +
        ` stroke-opacity="${line.alpha}" stroke-dasharray="${line.dash.join(" ")}"/>`,
    ),
    "</g></g>",
    ...(named.length > 1 ? legend : []),
    "</svg>",
  ].join("");
}
