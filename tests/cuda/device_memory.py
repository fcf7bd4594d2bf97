#!/usr/bin/env python3
"""Out of device memory: takes nearly all of it through the driver and asks for training and
prediction, which must be refused with exit code 4 and leave no model behind; then gives it back and
asks again.

    tests/cuda/device_memory.py GBT GBT_SYNTH

Needs Python and the driver's libcuda.so.1. Exit code 77 when there is no device."""

import ctypes
import os
import subprocess
import sys
import tempfile

SKIPPED, MEMORY = 77, 4
LEFT = 24 << 20  # bytes that stay free; the program's own context needs more
STEP = 2 << 20


class Driver:
    """The device's memory, as the driver's API has it."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")
        context, self.device = ctypes.c_void_p(), ctypes.c_int()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(self.device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self.device)
        self.call("cuCtxSetCurrent", context)
        self.held = []

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code != 0:
            raise OSError(f"{name}: error {code}")

    def free(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def fill(self, leave):
        size = self.free() - leave
        while size >= STEP:
            memory = ctypes.c_uint64()
            try:
                self.call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(size))
                self.held.append(memory)
                size = self.free() - leave
            except OSError:
                size //= 2

    def give_back(self):
        for memory in self.held:
            self.call("cuMemFree_v2", memory)
        self.held = []


def gbt(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def main():
    program, synth = sys.argv[1:3]
    try:
        driver = Driver()
    except OSError as error:
        print(f"NOT TESTED: {error}")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        data, model, other = (os.path.join(folder, name) for name in ("d.csv", "m.gbt", "o.gbt"))
        with open(data, "wb") as file:
            subprocess.run([synth, "higgs", "rows=200000", "seed=1"], stdout=file, check=True)
        train = ["train", f"train={data}", "n_trees=3", "device=cuda", "verbosity=quiet"]
        done = gbt(program, *train, f"model={model}")
        assert done.returncode == 0, done
        # The context of a second process takes some hundred MiB: leave it that, and little more.
        for leave in (1 << 30, 600 << 20, 500 << 20, 450 << 20, 400 << 20, 300 << 20, LEFT):
            driver.fill(leave)
            done = gbt(program, *train, f"model={other}")
            again = gbt(program, "predict", f"model={model}", f"data={data}", "device=cuda")
            print(f"{leave >> 20} MiB left: train {done.returncode} {done.stderr.strip()}")
            print(
                f"{leave >> 20} MiB left: predict {again.returncode} {again.stderr.strip()[:200]}"
            )
            assert done.returncode in (0, MEMORY), done
            assert again.returncode in (0, MEMORY), again
            assert (done.returncode == 0) == os.path.exists(other)
            if done.returncode == 0:
                os.remove(other)
            driver.give_back()
        assert done.returncode == MEMORY, "training was not refused with the device full"
        done = gbt(program, *train, f"model={other}")
        assert done.returncode == 0, done
        with open(model, "rb") as first, open(other, "rb") as second:
            assert first.read() == second.read()
    print("out of memory: refused with exit code 4, and fine again afterwards")
    return 0


if __name__ == "__main__":
    sys.exit(main())
