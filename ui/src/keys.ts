// Keys without a modifier, off inside inputs. Pages give theirs meaning while they are shown.
import { useEffect, useRef } from "preact/hooks";
import { go, href, place } from "./route.ts";
import { overlay } from "./state.ts";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const stack: { current: Keys }[] = [];

/** These keys work while the component is shown, and mean what they meant when it was last drawn:
 * effects run later, and a quick second key would find the state before the first. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    stack.push(latest);
    return () => void stack.splice(stack.indexOf(latest), 1);
  }, []);
}

let lead = ""; // g, then what to go to

const everywhere: Keys = {
  "?": () => (overlay.value = "help"),
  "g e": () => go(href("")),
  "g m": () => go(href("models")),
  "g r": () => {
    const [link] = document.querySelectorAll<HTMLAnchorElement>(".crumbs a[data-experiment]");
    if (link) go(link.pathname + link.search);
  },
  Escape: () => {
    if (overlay.value) return;
    const links = document.querySelectorAll<HTMLAnchorElement>(".crumbs a, .brand");
    const up = place.value.page === "experiments" ? null : links[links.length - 1];
    if (up) go(up.pathname + up.search);
  },
};

export function handleKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    overlay.value = overlay.value === "palette" ? null : "palette";
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target as HTMLElement;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable) {
    const isBox = (target as HTMLInputElement).type === "checkbox";
    if (event.key === "Escape") target.blur();
    if (!isBox) return;
  }
  if (document.querySelector("dialog[open]")) return;
  const name = lead ? `${lead} ${event.key}` : event.key;
  lead = !lead && event.key === "g" ? "g" : "";
  if (lead) setTimeout(() => (lead = ""), 1000);
  const found = stack.findLast((keys) => keys.current[name])?.current[name] ?? everywhere[name];
  if (!found) return;
  // Enter and Space belong to what has the focus.
  if (name === "Enter" && target.closest("a, button, summary")) return;
  event.preventDefault();
  found(event);
}
