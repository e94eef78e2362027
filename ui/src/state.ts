// What a browser remembers: theme, density; and small signals that all pages share.
import { computed, effect, signal } from "@preact/signals";
import { written } from "./logic/format.ts";

function stored(name: string, otherwise: string) {
  const found = signal(read(name) ?? otherwise);
  effect(() => write(name, found.value));
  return found;
}

export function read(name: string): string | null {
  try {
    return localStorage.getItem(`runlog.${name}`);
  } catch {
    return null; // storage is switched off
  }
}

export function write(name: string, value: string): void {
  try {
    localStorage.setItem(`runlog.${name}`, value);
  } catch {
    // Then it is forgotten.
  }
}

export const theme = stored("theme", "system");
export const density = stored("density", "normal");
export const utc = stored("utc", "0");
export const digits = stored("digits", "5"); // of numbers in tables

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(systemDark.matches);
systemDark.addEventListener("change", () => (system.value = systemDark.matches));
export const dark = computed(() => (theme.value === "system" ? system.value : theme.value === "dark"));

const narrowWidth = matchMedia("(max-width: 700px)");
export const narrow = signal(narrowWidth.matches);
narrowWidth.addEventListener("change", () => (narrow.value = narrowWidth.matches));

effect(() => {
  const root = document.documentElement;
  root.dataset.theme = theme.value;
  root.dataset.density = density.value;
});

effect(() => {
  written.digits = Number(digits.value);
  written.utc = utc.value === "1";
});

/** A message that passes, with what undoes the action. */
export interface Toast {
  text: string;
  bad?: boolean;
  undo?: () => void;
}
export const toast = signal<Toast | null>(null);
let fading = 0;
export function notify(text: string, more: Partial<Toast> = {}): Toast {
  const shown = (toast.value = { text, ...more });
  clearTimeout(fading);
  fading = window.setTimeout(() => (toast.value = null), more.undo ? 10_000 : 5_000);
  return shown;
}

/** Which dialog is open over the page. */
export const overlay = signal<"help" | "palette" | "settings" | null>(null);

/** What screen readers are shown without a move of the focus. */
export const announcement = signal("");

export function title(text: string): void {
  document.title = text ? `${text} · runlog` : "runlog";
}

export async function copy(text: string, what = "Copied"): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify(what);
  } catch {
    notify("The browser does not let this page copy", { bad: true });
  }
}

export const download = (name: string, text: string, kind: string) => save(name, new Blob([text], { type: kind }));

export function save(name: string, body: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(body);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
