// What drawing on a canvas shares: its size, and colours of the style sheet.
import { useEffect, useRef, useState } from "preact/hooks";
import { dark } from "../state.ts";

export function useCanvas(
  height: number,
  draw: (context: CanvasRenderingContext2D, width: number) => void,
  keys: unknown[],
) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!width) return;
    const element = canvas.current!;
    const scale = devicePixelRatio;
    element.width = width * scale;
    element.height = height * scale;
    const context = element.getContext("2d")!;
    context.scale(scale, scale);
    draw(context, width);
  }, [width, height, ...keys]);
  return { canvas, width };
}

const colours = new Map<string, string>(); // asking for one makes the browser style the page anew

/** A colour of the style sheet as canvas takes it: light-dark() is resolved by an element. */
export function colour(name: string): string {
  const key = `${name} ${dark.value}`;
  const known = colours.get(key);
  if (known) return known;
  const probe = document.getElementById("app")!;
  probe.style.outlineColor = `var(${name})`;
  const found = getComputedStyle(probe).outlineColor;
  probe.style.outlineColor = "";
  colours.set(key, found);
  return found;
}
