// A run or a comparison saved as one file: the same pages, answered from what the file holds. See
// page.py, which writes the document around this script.
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { answerWith, OURS, session } from "./api.ts";
import { handleKey } from "./keys.ts";
import { define } from "./logic/definitions.ts";
import { count, timestamp } from "./logic/format.ts";
import { Compare } from "./pages/compare.tsx";
import { Run } from "./pages/run/page.tsx";
import { Button } from "./parts/basic.tsx";
import { Logo } from "./parts/header.tsx";
import { Toast } from "./parts/toast.tsx";
import { go, href, place } from "./route.ts";
import { dark, theme } from "./state.ts";

/** What the server would answer. */
interface Recorded {
  made: number; // Unix milliseconds
  version: string;
  run_ids: string[];
  runs: Record<string, any>; // by their ids
  comparison: any; // of all of them; null for one
  series: { run_id: string; key: string }[];
}

async function unpack(text: string): Promise<Recorded> {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

const answers = (recorded: Recorded) => (path: string, given: any) => {
  switch (path) {
    case `${OURS}runs/overview`:
      return recorded.runs[given.run_id];
    case `${OURS}runs/chosen`:
      return recorded.comparison;
    case `${OURS}metrics/series`:
      // Whole, however few points are asked for and of which range: they have been thinned out once.
      return {
        series: recorded.series.filter((each) => given.run_ids.includes(each.run_id) && given.keys.includes(each.key)),
      };
  }
};

function Page({ recorded, home }: { recorded: Recorded; home: string }) {
  const { page, id } = place.value;
  useEffect(() => {
    addEventListener("keydown", handleKey);
    addEventListener("click", follow);
  }, []);
  const isHome = page === "compare" || recorded.run_ids.length === 1;
  return (
    <>
      <header class="top">
        <Logo />
        {!isHome && (
          <a href={home} style={{ padding: "4px" }}>
            Compare {count(recorded.run_ids.length)} runs
          </a>
        )}
        <span class="grow" />
        <span class="dim clip">As of {timestamp(recorded.made)}</span>
        <Button
          icon="sun"
          label={dark.value ? "Light" : "Dark"}
          plain
          onClick={() => (theme.value = dark.value ? "light" : "dark")}
        />
      </header>
      <main id="main" tabIndex={-1}>
        {page === "run" ? <Run key={id} id={id} /> : <Compare />}
      </main>
      <Toast />
    </>
  );

  /** Links lead to what the file holds; there is nothing else. */
  function follow(event: MouseEvent): void {
    const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
    if (!link?.href.startsWith("offline:")) return;
    event.preventDefault();
    const to = new URL(link.href);
    const [, kind, id] = to.pathname.split("/");
    if (kind === "compare" || (kind === "runs" && recorded.runs[id])) go(to.pathname + to.search);
  }
}

async function start(): Promise<void> {
  const recorded = await unpack(document.getElementById("recorded")!.textContent!.trim());
  const home =
    recorded.run_ids.length === 1
      ? href(`runs/${recorded.run_ids[0]}`)
      : href("compare", { runs: recorded.run_ids.join(",") });
  define(Object.values(recorded.runs).flatMap((each) => each.experiment.tags ?? []));
  answerWith(answers(recorded));
  session.value = { user: null, role: null, read_only: true, version: recorded.version, store: "", store_uri: "" };
  go(home);
  render(<Page recorded={recorded} home={home} />, document.getElementById("app")!);
}

void start();
