// A metric's course in the space of a word.
import { useMemo } from "preact/hooks";
import { course } from "../logic/series.ts";

const [WIDTH, HEIGHT] = [104, 20];

export function Sparkline({ xs, ys, colour }: { xs: ArrayLike<number>; ys: ArrayLike<number>; colour: string }) {
  const path = useMemo(() => course(xs, ys, WIDTH, HEIGHT), [xs, ys]);
  return (
    <svg width={WIDTH} height={HEIGHT} style={{ display: "block" }} aria-hidden="true">
      <path d={path} fill="none" stroke={colour} stroke-width="1.25" stroke-linejoin="round" />
    </svg>
  );
}
