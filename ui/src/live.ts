// Live updates: one request at a time, slower while nothing happens, none while nobody looks.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export const paused = signal(false);
export const updated = signal(0); // when the last answer came
export const failing = signal(false);

const FASTEST = 1000;
const RUNNING_SLOWEST = 2000;
const SLOWEST = 30_000;

/** Calls `poll` again and again while the component is shown; it says whether anything changed.
 * While something runs, never less than every two seconds. */
export function useLive(ready: boolean, running: boolean, poll: () => Promise<boolean>): void {
  useEffect(() => {
    if (!ready || paused.value) return;
    let [timer, wait, gone] = [0, FASTEST, false];
    const slowest = running ? RUNNING_SLOWEST : SLOWEST;
    const next = () => {
      clearTimeout(timer);
      if (!gone && !document.hidden) timer = window.setTimeout(once, wait);
    };
    const once = async () => {
      try {
        const changed = await poll();
        failing.value = false;
        updated.value = Date.now();
        wait = changed ? FASTEST : Math.min(wait * 1.6, slowest);
      } catch {
        failing.value = true;
        wait = Math.min(wait * 2, SLOWEST);
      }
      next();
    };
    const seen = () => {
      wait = FASTEST;
      if (document.hidden) clearTimeout(timer);
      else once();
    };
    updated.value ||= Date.now();
    next();
    document.addEventListener("visibilitychange", seen);
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [ready, running, poll, paused.value]);
}
