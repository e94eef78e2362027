// The frame of all pages: header, page, what lies over it; keys that work everywhere.
import { effect } from "@preact/signals";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, get, OURS, online, session } from "./api.ts";
import { handleKey } from "./keys.ts";
import { Header } from "./parts/header.tsx";
import { Overlays } from "./parts/overlays.tsx";
import { followLinks, href, place } from "./route.ts";
import { notify, overlay } from "./state.ts";
import "./parts/canvas.ts"; // small, and wanted by several parts: not worth a file of its own
import { Experiments } from "./pages/experiments/page.tsx";
import { ModelList } from "./pages/models/list.tsx";
import { Runs } from "./pages/runs/page.tsx";
import { lazy } from "./parts/lazy.tsx";
import { Questions } from "./parts/optimistic.tsx";
import { Toast } from "./parts/toast.tsx";

// Lists are where one starts: they do not wait for the code of the other pages.
const Compare = lazy(() => import("./pages/compare.tsx").then((module) => module.Compare));
const Models = lazy(() => import("./pages/models/page.tsx").then((module) => module.Models));
const Run = lazy(() => import("./pages/run/page.tsx").then((module) => module.Run));

function Page() {
  const { page, id } = place.value;
  switch (page) {
    case "experiments":
      return <Experiments />;
    case "runs":
      return <Runs key={id} experiment={id} />;
    case "run":
      return <Run key={id} id={id} />;
    case "compare":
      return <Compare />;
    case "models":
      return <ModelList />;
    case "model":
    case "version":
    case "logged":
      return <Models page={page} id={id} />;
    default:
      return (
        <div class="note">
          <h1>No such page</h1>
          <p class="dim">There is nothing at this address.</p>
          <a class="button" href={href("")}>
            All experiments
          </a>
        </div>
      );
  }
}

function Offline() {
  if (online.value) return null;
  return (
    <div class="banner bad" role="alert">
      The server does not answer. What you see is what came before; trying again.
    </div>
  );
}

function App() {
  useEffect(() => {
    addEventListener("keydown", handleKey);
    addEventListener("click", followLinks);
    const load = () =>
      get(`${OURS}session`).then(
        (found) => (session.value = found),
        () => setTimeout(load, 5000),
      );
    // The document says it where nobody has to log in for that.
    const inDocument = document.querySelector<HTMLMetaElement>("meta[name=runlog-session]")?.content;
    if (inDocument) session.value = JSON.parse(inDocument);
    else load();
  }, []);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.getElementById("main")!.focus())}
      >
        Skip to the content
      </a>
      <Header />
      <Offline />
      <main id="main" tabIndex={-1}>
        <Page />
      </main>
      <Toast />
      <Questions />
      <Overlays />
    </>
  );
}

// What fails in an event handler is told, not swallowed.
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof ApiError) event.preventDefault(); // is no mistake of the page
  if ((event.reason as Error)?.name !== "AbortError") notify((event.reason as Error).message, { bad: true });
});

let last = place.value;
effect(() => {
  const now = place.value;
  if (now.page !== last.page || now.id !== last.id) overlay.value = null;
  last = now;
});

render(<App />, document.getElementById("app")!);
