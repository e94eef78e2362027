// What a file is, by its name, and reading small formats. No DOM.
export type Preview = "image" | "audio" | "video" | "html" | "markdown" | "json" | "table" | "parquet" | "pdf" | "text";

const KINDS: [Preview, RegExp][] = [
  ["image", /\.(png|jpe?g|webp|gif|svg|bmp|ico|avif)$/i],
  ["audio", /\.(wav|mp3|ogg|flac|m4a)$/i],
  ["video", /\.(mp4|webm|mov)$/i],
  ["html", /\.html?$/i],
  ["markdown", /\.(md|markdown)$/i],
  ["json", /\.(json|geojson|ipynb)$/i],
  ["table", /\.(csv|tsv)$/i],
  ["parquet", /\.(parquet|pq)$/i],
  ["pdf", /\.pdf$/i],
];

export const kindOf = (path: string): Preview => KINDS.find(([, pattern]) => pattern.test(path))?.[0] ?? "text";

/** What files of several steps have in common, and the step: the last number of the name. */
export function stepOf(path: string): { family: string; step: number } {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const found = /^(.*?)(\d+)(\D*)$/s.exec(path.slice(folder.length));
  return found ? { family: `${folder}${found[1]}#${found[3]}`, step: Number(found[2]) } : { family: path, step: 0 };
}

/** CSV with quotes, as lines of fields; the first is the header. At most `most` rows. */
export function parseTable(text: string, separator: string, most: number) {
  const lines: string[][] = [];
  let [field, line, quoted]: [string, string[], boolean] = ["", [], false];
  const endField = () => {
    line.push(field);
    field = "";
  };
  for (let i = 0; i < text.length && lines.length <= most; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') (field += '"'), i++;
      else if (c === '"') quoted = false;
      else field += c;
    } else if (c === '"' && !field) quoted = true;
    else if (c === separator) endField();
    else if (c === "\n") {
      endField();
      lines.push(line);
      line = [];
    } else if (c !== "\r") field += c;
  }
  if (field || line.length) {
    endField();
    lines.push(line);
  }
  const [header = [], ...rows] = lines;
  return { header, rows: rows.slice(0, most) };
}

/** How bad a line of a log is. */
export function severity(line: string): "" | "err" | "warn" {
  if (/\b(ERROR|CRITICAL|FATAL|Traceback|Exception)\b/.test(line)) return "err";
  return /\b(WARN|WARNING)\b/.test(line) ? "warn" : "";
}
