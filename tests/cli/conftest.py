"""Fixtures of the command line tests: the programs, run as a user runs them."""

import os
import subprocess

import pytest

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
def synth():
    """The same for gbt-synth."""
    return runner(program("GBT_SYNTH", "gbt-synth"))


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT
