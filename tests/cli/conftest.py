"""Fixtures of the command line tests: the programs, run as a user runs them."""

import os
import subprocess

import pytest
import small_files
from refusal import write

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(variable, name):
    path = os.environ.get(variable, os.path.join(ROOT, "build", "dev", name))
    if not os.path.exists(path):
        pytest.fail(f"{path} is missing: build it, or name the program in {variable}")
    return path


class Result:
    """What a program left behind: exit code and text of both streams."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def runner(path):
    def run(*arguments, code=0, cwd=None, timeout=300):
        done = subprocess.run(
            [path, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        result = Result(done)
        if code is not None:
            assert result.code == code, result
        return result

    return run


@pytest.fixture(scope="session")
def gbt():
    """gbt("train", "x.ini", ...) -> Result; asserts the exit code (`code=None`: any)."""
    return runner(program("GBT_PROGRAM", "gbt"))


@pytest.fixture(scope="session")
def gbt_path():
    """The program itself, for tests that talk to it while it runs."""
    return program("GBT_PROGRAM", "gbt")


@pytest.fixture(scope="session")
def synth():
    """The same for gbt-synth."""
    return runner(program("GBT_SYNTH", "gbt-synth"))


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def models(gbt, tmp_path_factory):
    """Bytes of small models: of five rounds, for two classes, strict about categories."""
    folder = tmp_path_factory.mktemp("models")
    write(folder / "r.csv", small_files.regression())
    write(folder / "b.csv", small_files.binary())
    common = ("n_trees=5", "verbosity=quiet")
    gbt("train", "train=r.csv", "model=old.gbt", *common, cwd=folder)
    gbt("train", "train=b.csv", "model=two.gbt", *common, cwd=folder)
    gbt("train", "train=r.csv", "model=strict.gbt", "unseen=error", *common, cwd=folder)
    return {path.name: path.read_bytes() for path in folder.glob("*.gbt")}


@pytest.fixture
def folder(models, tmp_path):
    """A working folder with a data file, the models, and a model in the place of the result."""
    write(tmp_path / "train.csv", small_files.regression())
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "train.csv", small_files.regression())
    for name, data in models.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "m.gbt").write_bytes(models["old.gbt"])
    return tmp_path
