"""Takes the pictures of docs/ui.md anew, of made-up runs: python docs/pages/take.py [folder]

It needs the built pages, Playwright, Pillow and Chromium. A folder gets them instead of this one.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from runlog.artifacts import ArtifactRepo
from runlog.client import RunlogClient
from runlog.serve import create_app
from runlog.sqlstore.store import SqlStore

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
DAY, NOW = 86_400_000, int(time.time() * 1000)
MLMODEL = """\
flavors:
  python_function:
    loader_module: mlflow.pytorch
  pytorch:
    pytorch_version: 2.13.0
mlflow_version: 3.1.0
model_size_bytes: 102531392
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3, 224, 224]}}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]'
  params: '[{"name": "top_k", "type": "long", "default": 1, "shape": null}]'
"""
LABELS = ["airplane", "bird", "cat", "ship"]
NOTE = "# ResNet 50\n\nThe depth that the [paper](https://arxiv.org/abs/1512.03385) starts from.\n"
Curves = dict[str, list[float]]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def curves(rng: random.Random, lr: float, steps: int = 600) -> Curves:
    best, rate = rng.uniform(0.6, 0.96), rng.uniform(60, 120)

    def curve(low: float, high: float, noise: float) -> list[float]:
        fall = [math.exp(-i / rate) for i in range(steps)]
        return [high + (low - high) * each + rng.gauss(0, noise) for each in fall]

    rates = [lr * (1 + math.cos(math.pi * i / steps)) / 2 for i in range(steps)]
    found = {"lr": rates, "gpu/memory_gb": curve(13.6, 13.6, 0.4)}
    for part, gap in (("train", 0.05), ("val", 0)):
        found[f"{part}/accuracy"] = curve(0, best + gap, 0.005)
        found[f"{part}/loss"] = curve(2.3, 1.2 - best - gap, 0.008)
    return found


def log(store: SqlStore, run_id: str, start: int, metrics: Curves, every: int = 1000) -> None:
    for key, values in metrics.items():
        store.log(run_id, [(key, each, start + i * every, i) for i, each in enumerate(values)])


def sweep(store: SqlStore, experiment: str) -> Iterator[str]:
    rng = random.Random(4)
    for family, model in enumerate(("resnet18", "resnet50", "convnext")):
        start = NOW - (3 - family) * DAY
        parent = store.create_run(experiment, "ada", start, {}, f"{model}-sweep").info.run_id
        store.update_run(parent, "FINISHED", start + DAY - 2_400_000)
        for k in range(20):
            lr, begun = 10 ** rng.uniform(-4, -1.5), start + k * 3_600_000
            tags = {"mlflow.parentRunId": parent, "stage": rng.choice(["dev", "prod"])}
            if model == "resnet50" and k == 7:
                tags["mlflow.note.content"] = NOTE
            user = rng.choice(["ada", "grace"])
            run_id = store.create_run(experiment, user, begun, tags, f"{model}-{k:02}").info.run_id
            params = {"model": model, "lr": f"{lr:.5f}", "batch_size": rng.choice(["64", "128"])}
            params |= {"augment": rng.choice(["none", "randaugment"]), "depth": str(18 + family)}
            params |= {"optimizer": rng.choice(["sgd", "adamw", "lion"]), "seed": "7"}
            log(store, run_id, begun, curves(rng, lr))
            store.log(run_id, params=params.items())
            store.update_run(run_id, "FAILED" if k == 13 else "FINISHED", begun + 700_000)
            yield run_id


def long_runs(store: SqlStore, experiment: str) -> None:
    rng = random.Random(5)
    for number in range(5):
        begun = NOW - number * DAY // 3
        run_id = store.create_run(experiment, "grace", begun, {}, f"pretrain-{number}").info.run_id
        for key in ("loss", "grad_norm", "tokens_per_second", "memory"):
            fall = [1 + (1 + number / 5) * math.exp(-i / 6000) for i in range(20_000)]
            values = [each + rng.gauss(0, 0.03) for each in fall]
            for step in (4_000, 11_111, 17_350):
                values[step] = 4.5 - number / 4
            log(store, run_id, begun, {key: values}, 100)
        if number:
            store.update_run(run_id, "FINISHED", begun + 2_000_000)


def classify(store: SqlStore, runs: list[str]) -> None:
    """Curves and matrices of some runs."""
    client, rng = RunlogClient(store.uri), random.Random(6)
    for run_id in runs:
        truth = [rng.choice(LABELS) for _ in range(500)]
        gap = rng.uniform(0.4, 0.9)
        scores = [[rng.random() + gap * (label == each) for label in LABELS] for each in truth]
        taken = [LABELS[max(range(4), key=row.__getitem__)] for row in scores]
        client.log_confusion_matrix(run_id, truth, taken, key="val")
        client.log_roc_curve(run_id, truth, scores, key="val")
        client.log_pr_curve(run_id, truth, scores, key="val")


def register(store: SqlStore, runs: list[str]) -> None:
    """A registered model with a version of each of some runs."""
    store.registry.create_model("resnet-50", {"team": "vision"}, "What the demo uses.")
    for run_id in runs:
        uri = store.get_run(run_id).info.artifact_uri
        ArtifactRepo(uri).write("model/MLmodel", [MLMODEL.encode()])
        store.registry.create_version("resnet-50", f"{uri}/model", run_id)
    store.registry.set_alias("resnet-50", "champion", 3)
    store.registry.set_version_tag("resnet-50", 3, "checked by", "grace")


def fill(store: SqlStore) -> list[str]:
    """The trials."""
    runs = list(sweep(store, store.create_experiment("vision/resnet-sweep")))
    classify(store, runs[20:23])
    register(store, runs[25:28])
    long_runs(store, store.create_experiment("language/pretraining", tags={"team": "language"}))
    note = {"mlflow.note.content": "Masks of streets, for the demo in May", "team": "vision"}
    for name, tags in (("vision/segmentation", note), ("language/tokenizer", {}), ("audio", {})):
        experiment = store.create_experiment(name, tags=tags)
        rng = random.Random(name)
        for k in range(rng.randint(2, 9)):
            begun = NOW - rng.randint(1, 40) * DAY
            run_id = store.create_run(experiment, "ada", begun, {}, f"try-{k}").info.run_id
            log(store, run_id, begun, curves(rng, 0.01, 50))
            store.update_run(run_id, rng.choice(["FINISHED", "FAILED"]), begun + 60_000)
    return runs


def pictures(browser: Browser, url: str, runs: list[str], folder: Path) -> None:
    wide, bars = (1280, 720), "fix=metrics.val%2Faccuracy&heat=metrics.val%2Faccuracy~bar"
    settings = "smooth=0.6&overlay=1"
    compared = ",".join(runs[20:28])
    for name, path, theme, (width, height) in (
        ("experiments", "/", "light", (1280, 480)),
        ("runs", f"/experiments/1?{bars}", "light", wide),
        ("charts", "/experiments/2?view=charts", "dark", wide),
        ("parallel", "/experiments/1?view=parallel&brush=params.lr~0.5~0.9", "light", wide),
        ("run", f"/runs/{runs[27]}?{settings}", "light", (1280, 800)),
        ("compare", f"/compare?runs={compared}&smooth=0.6", "light", (1280, 1100)),
        ("classification", f"/compare?runs={','.join(runs[20:23])}", "light", (1280, 900)),
        ("model", "/models/resnet-50/versions/3", "light", (1280, 800)),
        ("phone", "/experiments/1", "light", (390, 844)),
    ):
        size = {"width": width, "height": height}
        page = browser.new_page(viewport=size, color_scheme=theme, has_touch=width < 700)
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        if name == "classification":
            page.locator("#classification").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        # This method keeps rare colours, and the means faint ones.
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4)
        picture.save(folder / f"{name}.png", optimize=True)
        page.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        store = SqlStore(f"{place}/runlog.db")
        runs = fill(store)
        app = create_app(store, ArtifactRepo(store.artifact_root))
        server = make_server("127.0.0.1", 0, app, Server, Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pictures(browser, f"http://127.0.0.1:{server.server_port}", runs, folder)
        browser.close()
        server.shutdown()
        store.close()


if __name__ == "__main__":
    main()
