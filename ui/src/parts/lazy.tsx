// Parts that are loaded when they are first shown: charts, the renderer of Markdown.
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure, Skeleton } from "./basic.tsx";

const loaded = new Map<() => Promise<any>, any>();

/** What is drawn once it is on the screen, or soon will be. */
export function Soon({ children, now = false }: { children: ComponentChildren; now?: boolean }) {
  const [seen, setSeen] = useState(now);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (seen) return;
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && setSeen(true), {
      rootMargin: "300px",
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, [seen]);
  return seen ? children : <div ref={box} style={{ minHeight: "120px" }} />;
}

/** What is sure to be shown can be fetched before. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>) {
  const fetch = () =>
    void load().then(
      (part) => loaded.set(load, part),
      () => {},
    );
  return Object.assign(Lazy, { fetch });
  function Lazy(props: P) {
    const [Part, setPart] = useState<ComponentType<P> | null>(() => loaded.get(load) ?? null);
    const [error, setError] = useState<Error | null>(null);
    const get = () => {
      setError(null);
      load().then((part) => (loaded.set(load, part), setPart(() => part)), setError);
    };
    useEffect(() => void (Part || get()), []);
    if (error) return <Failure what="A part of the page could not be loaded" error={error} retry={get} />;
    return Part ? <Part {...props} /> : <Skeleton rows={4} />;
  }
}
