// How values are written: five significant digits, short times, unless the settings say otherwise.

/** What the settings say; 0 digits: all that a number has. */
export const written = { digits: 5, utc: false };

const LIMIT = 1e7;

export function number(value: number, digits = written.digits): string {
  if (value !== value) return "NaN";
  if (value === Infinity) return "∞";
  if (value === -Infinity) return "−∞";
  if (Number.isInteger(value) && Math.abs(value) < LIMIT) return minus(String(value));
  if (!digits) return minus(String(value).replace("e+", "e"));
  const size = Math.abs(value);
  if (size >= LIMIT || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return minus(`${trim(mantissa)}e${exponent.replace("+", "")}`);
  }
  return minus(trim(value.toPrecision(digits)));
}

const trim = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const minus = (text: string) => text.replaceAll("-", "−");

/** 12,345; by hand, since asking the locale costs more than a row of a table. */
export const count = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
  [1, "s"],
];

/** Milliseconds as the two largest units: 1h 20m, 3.2s, 250ms. */
export function duration(ms: number): string {
  if (!(ms >= 0)) return "";
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${trim((ms / 1000).toFixed(1))}s`;
  const seconds = Math.round(ms / 1000);
  const at = UNITS.findIndex(([size]) => seconds >= size);
  const [size, unit] = UNITS[at];
  const [less, small] = UNITS[at + 1];
  const rest = Math.floor((seconds % size) / less);
  return `${Math.floor(seconds / size)}${unit}${rest ? ` ${rest}${small}` : ""}`;
}

export function ago(time: number, now = Date.now()): string {
  const seconds = (now - time) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 86_400 * 30) return `${plural(Math.floor(seconds / 86_400), "day")} ago`;
  return date(time);
}

const two = (value: number) => String(value).padStart(2, "0");

export function date(time: number): string {
  return timestamp(time).slice(0, 10);
}

export function timestamp(time: number): string {
  const at = new Date(time);
  if (written.utc) return at.toISOString().slice(0, 19).replace("T", " ");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at++;
  }
  return `${at && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
}
