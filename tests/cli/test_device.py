"""device = cuda on the command line, without a device: a copy of the program finds a double of
libgbt_cuda.so (tests/cuda/fake_library.c) beside itself, which trains as backend ref does and
predicts as the CPU. What a real device computes is the job of tests/cuda/."""

import json
import os
import shutil

import pytest
import small_files
from conftest import runner
from refusal import DEVICE, MEMORY, USAGE, refuse

QUIET = "verbosity=quiet"


@pytest.fixture(scope="module")
def fakes():
    folder = os.environ.get("GBT_FAKES")
    if not folder or not os.path.isdir(folder):
        pytest.fail("GBT_FAKES does not name the folder with the doubles of libgbt_cuda.so")
    return folder


@pytest.fixture
def work(tmp_path):
    (tmp_path / "t.csv").write_text(small_files.multiclass())
    return tmp_path


@pytest.fixture
def place(gbt_path, fakes, tmp_path_factory):
    """place("good") -> runner of a program that has this double beside it; None: no file."""

    def put(kind, below="bin", library="bin"):
        root = tmp_path_factory.mktemp("install")
        for folder in {below, library}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy2(gbt_path, root / below / "gbt")
        if kind is not None:
            shutil.copy2(f"{fakes}/{kind}/libgbt_cuda.so", root / library)
        return runner(str(root / below / "gbt"))

    return put


TRAIN = (
    f"train train=t.csv n_trees=6 max_leaves=5 min_child_samples=5 subsample=0.7 {QUIET}".split()
)


def test_training_and_prediction_use_the_library_beside_the_program(place, work):
    run = place("good")
    run(*TRAIN, "model=cpu.gbt", cwd=work)
    for device in ("cuda", "cuda:0", "cuda:1"):
        run(*TRAIN, "model=cuda.gbt", f"device={device}", cwd=work)
        assert (work / "cuda.gbt").read_bytes() == (work / "cpu.gbt").read_bytes()
        for output in ("response", "raw", "class", "leaf"):
            ask = ["predict", "model=cpu.gbt", "data=t.csv", f"output={output}"]
            assert run(*ask, f"device={device}", cwd=work).out == run(*ask, cwd=work).out
        ask = ["predict", "model=cpu.gbt", "data=t.csv", "trees_from=2", "trees_to=5"]
        assert run(*ask, f"device={device}", cwd=work).out == run(*ask, cwd=work).out
    ask = ["eval", "model=cpu.gbt", "data=t.csv"]
    assert run(*ask, "device=cuda", cwd=work).out == run(*ask, cwd=work).out


def test_the_library_folder_of_the_installation_is_looked_at_too(place, work, fakes):
    layout = os.environ.get("GBT_LIBRARIES_FROM_PROGRAMS", "../lib")
    run = place("good", library=os.path.normpath(os.path.join("bin", layout)))
    run(*TRAIN, "model=m.gbt", "device=cuda", cwd=work)


def test_a_device_that_is_not_there_is_refused(place, work):
    refuse(
        place("good"),
        work,
        [*TRAIN, "model=m.gbt", "device=cuda:2"],
        DEVICE,
        ["backend cuda:2: there is no such device, only cuda:0 to cuda:1"],
    )


@pytest.mark.parametrize(
    "kind, says",
    [
        (None, ["libgbt_cuda.so is not in ", "/bin and could not be loaded from elsewhere"]),
        ("version", ["libgbt_cuda.so belongs to gbt 0.0.1"]),
        ("layout", ["is from another build of gbt"]),
        ("symbol", ["has no gbt_cuda_library"]),
        ("driver", ["no driver (says the double)"]),
    ],
)
def test_what_is_missing_is_said_and_nothing_falls_back_to_the_cpu(place, work, kind, says):
    run = place(kind)
    run(*TRAIN, "model=cpu.gbt", cwd=work)
    for command in (
        [*TRAIN, "model=m.gbt"],
        ["check", "train=t.csv"],
        ["predict", "model=cpu.gbt", "data=t.csv"],
        ["eval", "model=cpu.gbt", "data=t.csv"],
    ):
        refuse(run, work, [*command, "device=cuda"], DEVICE, ["backend cuda", *says])


def test_training_that_does_not_fit_on_the_device_is_refused_before_it_starts(place, work):
    run = place("room")
    run(*TRAIN, "model=cpu.gbt", cwd=work)
    says = ["training needs about 500", "bytes on device cuda", "4096 are free there"]
    refuse(run, work, [*TRAIN, "model=m.gbt", "device=cuda"], MEMORY, says)
    refuse(run, work, ["check", "train=t.csv", "device=cuda:1"], MEMORY, ["4097 are free there"])
    refuse(
        run,
        work,
        ["predict", "model=cpu.gbt", "data=t.csv", "device=cuda"],
        MEMORY,
        ["the double has no memory"],
    )


def test_check_tells_the_memory_of_the_device(place, work):
    run = place("good")
    result = run("check", "train=t.csv", "device=cuda", cwd=work)
    assert "on the device: 5 MiB of memory, 1048576 MiB are free" in result.out
    found = json.loads(run("check", "train=t.csv", "device=cuda", "--json", cwd=work).out)
    assert found["estimate"]["device_bytes"] == 5000000 + 120 * 3
    assert found["estimate"]["device_room"] == 1 << 40
    plain = json.loads(run("check", "train=t.csv", "--json", cwd=work).out)
    assert "device_bytes" not in plain["estimate"]


def test_only_tree_models_predict_on_a_device(place, work):
    run = place("good")
    run(
        *f"heads train=t.csv model=h.gbt units=4 solver_iterations=5 {QUIET}".split(),
        cwd=work,
    )
    refuse(
        run,
        work,
        ["predict", "model=h.gbt", "data=t.csv", "device=cuda"],
        USAGE,
        ["device = cuda has no effect: only a tree model predicts there", "neural heads"],
    )
