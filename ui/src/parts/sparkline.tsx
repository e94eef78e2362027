// A metric's course in the space of a word.
import { useEffect, useRef } from "preact/hooks";

export function Sparkline({ xs, ys, colour, width = 104, height = 20 }: { xs: ArrayLike<number>; ys: ArrayLike<number>; colour: string; width?: number; height?: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const scale = devicePixelRatio;
    const element = canvas.current!;
    element.width = width * scale;
    element.height = height * scale;
    const context = element.getContext("2d")!;
    context.scale(scale, scale);
    const finite = Array.from(ys).filter(Number.isFinite);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const [first, last] = [xs[0], xs[xs.length - 1]];
    context.strokeStyle = colour;
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    context.beginPath();
    for (let i = 0; i < ys.length; i++) {
      if (!Number.isFinite(ys[i])) continue;
      const x = 2 + ((xs[i] - first) / (last - first || 1)) * (width - 4);
      const y = height - 3 - ((ys[i] - low) / (high - low || 1)) * (height - 6);
      context.lineTo(x, y);
    }
    context.stroke();
  }, [xs, ys, colour]);
  return <canvas ref={canvas} aria-hidden="true" style={{ width: `${width}px`, height: `${height}px`, display: "block" }} />;
}
