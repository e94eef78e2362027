"""Measure the web pages beside MLflow's, on the same runs, in headless Chromium: ui.py --help."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peers
import report
import sweeps
from peers import HERE, PEERS

PAGE = HERE / "UI.md"
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/google-chrome")
QUIET = 1.5  # seconds without an answer, after which a page is still
FOLLOWING = "/runs/changes"  # runlog's question for what is new, again and again; no part of a load
PATIENCE = 60_000  # milliseconds for one page
Values = dict[str, float]
Results = dict[str, dict[str, Values]]  # by page, by tracker


@dataclass(frozen=True)
class View:
    """A page of both trackers. `budgets` are in the units of MEASURES; {first}, {ten} are runs."""

    title: str
    ours: str
    theirs: str
    budgets: dict[str, float]
    large: bool = False
    table: bool = False  # is scrolled and sorted
    shows: str = ""  # an element that is there when what one came for is
    deeds: str = ""  # which of DEEDS is done with it
    raw: bool = False  # its series come with every point


MANY_COLUMNS = ",".join(
    ["status", "start_time", "duration", "user_id", "run_id"]
    + [f"{kind}_{k}" for kind in ("metrics.metric", "params.param") for k in range(10)]
)
TABLE = {"data": 600, "requests": 5, "nodes": 1500, "CPU": 400, "frame": 8, "sort": 50, "heap": 30}
VIEWS = {
    "list": View("experiments", "/", "/#/experiments", {"kB": 60, "requests": 5, "CPU": 100}),
    "runs": View(
        "runs, 63 nested",
        "/experiments/1",
        "/#/experiments/1/runs",
        {"kB": 60, "requests": 5, "nodes": 1500, "CPU": 150, "paint": 200, "shown": 350},
        shows=".grid .line a.name",
    ),
    "run": View(
        "a run", "/runs/{first}", "/#/experiments/1/runs/{first}", {"requests": 8, "CPU": 150}
    ),
    "charts": View(
        "charts, 60 runs x 6 x 1,000 steps",
        "/experiments/1?view=charts&n=60",
        "/#/experiments/1/runs?compareRunsMode=CHART",
        {"files": 100, "data": 400, "requests": 8, "CPU": 300},
    ),
    "long": View(
        "charts, 5 runs x 4 x 100,000 steps",
        "/experiments/2?view=charts",
        "/#/experiments/2/runs?compareRunsMode=CHART",
        {"files": 100, "data": 240, "requests": 8, "CPU": 250},
    ),
    "compare": View(
        "compare 10 runs",
        "/compare?runs={ten}",
        '/#/compare-runs?runs=["{ten}"]&experiments=["1"]',
        {"files": 100, "requests": 8},
    ),
    "5000": View(
        "5,000 runs x 25 columns",
        f"/experiments/3?cols={MANY_COLUMNS}",
        "/#/experiments/3/runs",
        TABLE,
        table=True,
    ),
    "raw": View(
        "a chart of 100,000 raw points",
        "/experiments/5?view=charts&x=relative",
        "",
        {"draw": 40, "zoom": 16},
        deeds="chart",
        raw=True,
    ),
    "parallel": View(
        "parallel coordinates of 5,000 runs",
        "/experiments/3",
        "",
        {"draw": 150, "brush": 60},
        deeds="parallel",
    ),
    "log": View(
        "a log of 20,000 lines",
        "/runs/{logged}",
        "",
        {"read": 200, "shown": 200},
        deeds="log",
    ),
    "100000": View(
        "100,000 runs x 25 columns, 10,000 loaded",
        f"/experiments/4?cols={MANY_COLUMNS}",
        "/#/experiments/4/runs",
        {name: TABLE[name] for name in ("requests", "nodes", "frame", "heap")},
        large=True,
        table=True,
    ),
}
MEASURES = {
    "kB": "kB in all",
    "files": "kB of scripts and styles",
    "data": "kB of data",
    "requests": "requests",
    "nodes": "DOM nodes",
    "CPU": "CPU until it is still, ms",
    "paint": "first contentful paint, ms of wall time",
    "shown": "shown, ms of wall time",
    "read": "kB of the file",
    "draw": "CPU of drawing it, ms",
    "zoom": "CPU of zooming, ms",
    "brush": "CPU of a step of a brush, ms",
    "frame": "CPU of a frame, scrolled by 100 px, ms",
    "sort": "CPU of sorting by a column, ms",
    "heap": "JavaScript heap after a collection, MB",
}
SCROLL = """async () => {
  const scrolls = (each) => /auto|scroll/.test(getComputedStyle(each).overflowY)
    && each.scrollHeight > each.clientHeight + 500;
  const found = [...document.querySelectorAll('*')].filter(scrolls);
  const box = found.sort((a, b) => b.scrollHeight - a.scrollHeight)[0];
  if (!box) return 0;
  for (let i = 0; i < 60; i++) {
    box.scrollTop += 100;
    await new Promise(requestAnimationFrame);
  }
  return 60;
}"""
SORT = """() => new Promise((done) => {
  const heads = [...document.querySelectorAll('[role=columnheader] button')];
  heads.find((each) => each.textContent.trim() === 'metric_3').click();
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""

# Until an element is there and painted: milliseconds since the page, or what is clicked, began.
SHOWN = """([wanted, clicked]) => new Promise((done) => {
  const began = clicked ? performance.now() : 0;
  const look = (_, observer) => {
    if (!document.querySelector(wanted)) return false;
    observer?.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    return true;
  };
  if (clicked) [...document.querySelectorAll('button')].find(
    (each) => each.textContent.includes(clicked)).click();
  if (look()) return;
  new MutationObserver(look).observe(document, {childList: true, subtree: true});
})"""
# The page goes to its own address with something added, as by the browser's back and forward.
GO = """(more) => {
  history.replaceState(null, '', location.pathname + location.search.split('&zoom')[0] + more);
  dispatchEvent(new PopStateEvent('popstate'));
}"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="without the 100,000 runs; the page stays as it is")
    add("--only", action="append", choices=VIEWS, help="this page alone; may be repeated")
    add("--trackers", default="runlog,mlflow", help="comma-separated (default: both)")
    add("--repeat", type=int, default=3, help="times; the median counts (default: 3)")
    kept = "where environments, stores and results are kept"
    add("--cache", type=Path, default=HERE / ".venvs", help=kept)
    return parser.parse_args()


# -- the servers ------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(tracker: str, cache: Path, database: Path) -> Iterator[str]:
    """The address of a server on a store, ended with all its processes."""
    port = free_port()
    place = ["--host", "127.0.0.1", "--port", str(port)]
    uri = f"sqlite:///{database}"
    if tracker == "mlflow":
        command = [str(cache / "mlflow" / "bin" / "mlflow"), "server", *place]
        command += ["--backend-store-uri", uri, "--workers", "1"]
    else:
        command = [sys.executable, "-m", "runlog.cli", "serve", *place, "--backend-store-uri", uri]
    environment = peers.environment(PEERS[tracker], database.parent)
    with open(database.with_suffix(".log"), "w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", server)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                sys.exit(f"no server at {address}")
            time.sleep(0.2)


def post(address: str, path: str, body: object) -> Any:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request, timeout=300))


def store(tracker: str, cache: Path, large: bool) -> Path:
    """The filled database of a tracker, made once."""
    folder = cache / "pages" / (tracker + (" large" if large else ""))
    database, mark = folder / f"{tracker}.db", folder / "filled"
    more = folder / "filled with raw points and a log"
    if tracker == "runlog" and not large and mark.exists() and not more.exists():
        sweeps.fill_more(database)
        more.touch()
    if mark.exists():
        return database
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db*"):
        left.unlink()
    print(f"filling {database}", flush=True)
    if tracker == "runlog":
        sweeps.fill_runlog(database, large)
    else:
        with serving(tracker, cache, database) as address:
            for name in sweeps.NAMES:
                post(address, "experiments/create", {"name": name})
        sweeps.fill_mlflow(database, large)
    mark.touch()
    return database


def chosen_runs(address: str) -> dict[str, str]:
    """What stands in braces in the addresses of the pages."""

    def ids_of(experiment: str, condition: str) -> list[str]:
        asked = {"experiment_ids": [experiment], "filter": condition, "max_results": 10}
        runs = post(address, "runs/search", asked).get("runs", [])
        return [run["info"]["run_id"] for run in runs]

    ids = ids_of("1", "metrics.lr > -1")
    between = "," if "runlog" in urllib.request.urlopen(address).read().decode() else '","'
    logged = ids_of("5", "")  # runlog's alone
    return {"{first}": ids[0], "{ten}": between.join(ids), "{logged}": "".join(logged)}


# -- the browser ------------------------------------------------------------------------------


class Meter:
    """What a page has cost so far: CPU of its main thread in ms, requests, bytes."""

    def __init__(self, page: Any) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Network.enable")
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._urls: dict[str, str] = {}
        self.open: set[str] = set()
        self.sizes: list[tuple[str, float]] = []
        self._devtools.on("Network.requestWillBeSent", self._asked)
        self._devtools.on("Network.loadingFinished", self._came)
        self._devtools.on("Network.loadingFailed", self._closed)

    def _asked(self, event: Any) -> None:
        url = self._urls[event["requestId"]] = event["request"]["url"]
        if url.startswith("http") and not url.endswith(FOLLOWING):
            self.open.add(event["requestId"])

    def _closed(self, event: Any) -> None:
        self.open.discard(event["requestId"])

    def _came(self, event: Any) -> None:
        self._closed(event)
        url = self._urls.get(event["requestId"], "data:")
        if url.startswith("http") and not url.endswith(FOLLOWING):
            self.sizes.append((url, event["encodedDataLength"] / 1000))

    def _value(self, name: str) -> float:
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == name))

    def cpu(self) -> float:
        return 1000 * self._value("TaskDuration")

    def heap(self) -> float:
        self._devtools.send("HeapProfiler.collectGarbage")
        return self._value("JSHeapUsedSize") / 1e6


def is_file(url: str) -> bool:
    return "/assets/" in url or "/static-files/" in url


def look(browser: Any, address: str, view: View, tracker: str) -> Values:
    """One page with a cold cache, and what is done with it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        meter = Meter(page)
        if view.raw:
            page.route("**/metrics/series", every_point)
        if view.shows:
            page.add_init_script(f"window.shown = ({SHOWN})([{view.shows!r}, ''])")
        page.goto(address, timeout=PATIENCE)
        settle(page, meter)
        sizes = list(meter.sizes)
        found = {
            "kB": sum(size for _, size in sizes),
            "files": sum(size for url, size in sizes if is_file(url)),
            "data": sum(size for url, size in sizes if "api/" in url),
            "requests": float(len(sizes)),
            "CPU": meter.cpu(),
            "nodes": float(page.evaluate("document.querySelectorAll('*').length")),
            "paint": page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
            ),
        }
        if view.shows and tracker == "runlog":
            found["shown"] = page.evaluate("window.shown")
        if view.table:
            found |= handled(page, meter, tracker)
        if view.deeds:
            found |= DEEDS[view.deeds](page, meter)
        return found
    finally:
        context.close()


def settle(page: Any, meter: Meter) -> None:
    """Until nothing is under way and nothing has come for a while: some pages never stop asking."""
    until, came = time.monotonic() + PATIENCE / 1000, -1
    while time.monotonic() < until and (meter.open or len(meter.sizes) != came):
        came = len(meter.sizes)
        page.wait_for_timeout(1000 * QUIET)


def handled(page: Any, meter: Meter, tracker: str) -> Values:
    """Scrolling, and sorting, which only a page that has all rows does by itself."""
    before = meter.cpu()
    frames = page.evaluate(SCROLL)
    found = {"frame": (meter.cpu() - before) / frames} if frames else {}
    if tracker == "runlog":
        costs = []
        for _ in range(4):  # there and back again, twice
            before = meter.cpu()
            page.evaluate(SORT)
            page.wait_for_timeout(200)
            costs.append(meter.cpu() - before)
        found["sort"] = statistics.median(costs)
    return found | {"heap": meter.heap()}


def every_point(route: Any) -> None:
    """A question for series, as one for all their points: pages ask for what can be seen."""
    asked = route.request.post_data_json | {"points": 100_000}
    route.continue_(post_data=json.dumps(asked))


def cost(page: Any, meter: Meter, deed: Callable[[], object]) -> float:
    before = meter.cpu()
    deed()
    page.wait_for_timeout(400)
    return meter.cpu() - before


def chart(page: Any, meter: Meter) -> Values:
    """Another y scale, which makes the chart anew; then stretches of x, which draw it again."""
    draws = [cost(page, meter, lambda: page.keyboard.press("l")) for _ in range(4)]
    stretches = [f"&zoom={low}~{low + 35_000}" for low in range(0, 35_000, 7_000)]
    zooms = [cost(page, meter, lambda to=to: page.evaluate(GO, to)) for to in stretches]
    return {"draw": statistics.median(draws), "zoom": statistics.median(zooms)}


def parallel(page: Any, meter: Meter) -> Values:
    """The view in the place of the table, and a brush that grows along the first axis."""
    view = page.get_by_role("button", name="Parallel coordinates")
    back = page.get_by_role("button", name="Table", exact=True)
    view.click()
    page.wait_for_timeout(1500)  # with its code
    draws = []
    for _ in range(3):
        back.click()
        page.wait_for_timeout(800)
        draws.append(cost(page, meter, view.click))
    box = page.locator(".plot-box canvas").bounding_box()
    page.mouse.move(box["x"] + 57, box["y"] + 60)
    page.mouse.down()
    before = meter.cpu()
    for step in range(20):
        page.mouse.move(box["x"] + 57, box["y"] + 70 + 8 * step)
        page.wait_for_timeout(50)
    found = (meter.cpu() - before) / 20
    page.mouse.up()
    return {"draw": statistics.median(draws), "brush": found}


def log(page: Any, meter: Meter) -> Values:
    """From the click on its name to its first lines."""
    page.locator("#artifacts").scroll_into_view_if_needed()
    page.get_by_role("button", name="train.log").wait_for()
    page.wait_for_timeout(500)
    before = len(meter.sizes)
    line = "#artifacts [aria-label=Text] div > div:nth-child(40)"
    shown = page.evaluate(SHOWN, [line, "train.log"])
    settle(page, meter)
    return {"shown": shown, "read": sum(size for _, size in meter.sizes[before:])}


DEEDS = {"chart": chart, "parallel": parallel, "log": log}


def measure(
    names: list[str], trackers: list[str], options: argparse.Namespace
) -> Iterator[tuple[str, dict[str, Values]]]:
    """Medians. The trackers take turns, so that a slow minute hits both."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = next(path for path in CHROMIUM if os.path.exists(path))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for large in (False, True):
            some = [name for name in names if VIEWS[name].large == large]
            with ExitStack() as servers:
                addresses = {}
                for tracker in trackers if some else ():
                    database = store(tracker, options.cache, large)
                    serving_it = serving(tracker, options.cache, database)
                    addresses[tracker] = servers.enter_context(serving_it)
                for name in some:
                    yield name, medians(browser, addresses, VIEWS[name], options.repeat)
        browser.close()


def medians(browser: Any, addresses: dict[str, str], view: View, repeat: int) -> dict[str, Values]:
    from playwright.sync_api import Error

    taken: dict[str, list[Values]] = {}
    for _ in range(repeat):
        for tracker, address in addresses.items():
            where = view.ours if tracker == "runlog" else view.theirs
            if not where:
                continue
            for mark, run in chosen_runs(address).items():
                where = where.replace(mark, run)
            try:
                values = look(browser, address + where, view, tracker)
            except Error as error:
                print(f"  {tracker} {view.title}: {error.message.splitlines()[0]}", flush=True)
                continue
            taken.setdefault(tracker, []).append(values)
    return {
        tracker: {key: statistics.median(each[key] for each in values) for key in values[0]}
        for tracker, values in taken.items()
    }


# -- the page ---------------------------------------------------------------------------------


def _shown(value: float | None) -> str:
    return "" if value is None else report.significant(value)


def lines_of(view: View, values: dict[str, Values]) -> Iterator[list[str]]:
    ours, theirs = values.get("runlog", {}), values.get("mlflow", {})
    for key, title in MEASURES.items():
        if key not in ours and key not in theirs:
            continue
        budget = view.budgets.get(key)
        own, other = ours.get(key), theirs.get(key)
        verdict = "" if budget is None or own is None else "met" if own <= budget else "**missed**"
        ratio = report.times(other / own) if own and other else ""
        yield [view.title, title, _shown(own), _shown(budget), verdict, _shown(other), ratio]


def table(results: Results) -> str:
    header = ["page", "", "runlog", "budget", "", "MLflow", "MLflow / runlog"]
    lines = [
        line
        for name, view in VIEWS.items()
        if name in results
        for line in lines_of(view, results[name])
    ]
    return report.as_table(header, lines)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and the servers with it
    options = arguments()
    options.cache = options.cache.resolve()
    trackers = options.trackers.split(",")
    reason = "mlflow" in trackers and peers.install(PEERS["mlflow"], options.cache)
    if reason:
        sys.exit(f"cannot install MLflow: {reason}")
    names = options.only or [name for name in VIEWS if not (options.quick and VIEWS[name].large)]
    memory = options.cache / "pages" / "results.json"
    results: Results = json.loads(memory.read_text()) if memory.exists() else {}
    for name, values in measure(names, trackers, options):
        print(table({name: values}), flush=True)
        results[name] = results.get(name, {}) | values
        memory.write_text(json.dumps(results, indent=1))
        if not options.quick:
            version = peers.version(PEERS["mlflow"], options.cache)
            text = f"Machine: {report.machine()}. MLflow {version}.\n\n{table(results)}"
            report.write(PAGE, text)


if __name__ == "__main__":
    main()
