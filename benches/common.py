"""What the benches share: places, a Python environment from PyPI, tables as Markdown."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
OUT = ROOT / "build" / "bench"
GBT = ROOT / "build" / "release" / "gbt"


def data_is_absent(what):
    """Says that the bench is skipped when the real data sets are not there."""
    if DATA.exists():
        return False
    print(f"SKIPPED: ../shared/data is absent, {what}")
    return True


def enter_environment(folder, packages):
    """Runs the script again with the Python of an environment that has the packages, which is made
    on the first run. GBT_BENCH_PYTHON in the environment says that this has happened."""
    python = folder / "bin" / "python"
    if Path(sys.executable).resolve().parent.parent == folder.resolve() or os.environ.get(
        "GBT_BENCH_PYTHON"
    ):
        return
    if not python.exists():
        print(f"making a Python environment in {folder} ...", file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    os.environ["GBT_BENCH_PYTHON"] = "1"
    os.execv(python, [str(python), *sys.argv])


def run_gbt(gbt, verb, **keys):
    """`gbt verb key=value ...`, quiet; its standard output."""
    arguments = [f"{key}={value}" for key, value in keys.items() if value is not None]
    done = subprocess.run(
        [str(gbt), verb, *arguments, "verbosity=quiet"],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout


class Report:
    """Markdown lines, printed as they come and written to a file at the end."""

    def __init__(self):
        self.lines = []

    def line(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def header(self, *columns):
        self.line("| " + " | ".join(columns) + " |")
        self.line("| " + " | ".join("---" for _ in columns) + " |")

    def row(self, *cells):
        self.line("| " + " | ".join(str(c) for c in cells) + " |")

    def save(self, path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("\n".join(self.lines) + "\n")
