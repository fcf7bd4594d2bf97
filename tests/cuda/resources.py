#!/usr/bin/env python3
"""What the kernels of libgbt_cuda.so take, and what is in their code, against what is recorded.

    tests/cuda/resources.py BUILD_DIR            checks; exit code 1 when something has grown
    tests/cuda/resources.py BUILD_DIR --record   writes cuda/RESOURCES.txt

Registers, stack, static shared memory and spills of every kernel come from the compiler's words,
which the build keeps beside its object files. Fails when a kernel spills, when it takes more than
cuda/RESOURCES.txt says (with the compiler named there; another one allots registers its own way),
or when a kernel is missing there or is there no more. The PTX of every file is made again
(--no-ptx: not) and looked at: atomics that the design counts on, nothing fused, nothing
approximate. The kernels of CUB are not ours and are left out."""

import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, "cuda", "RESOURCES.txt")
HEAD = """\
# Resources of the kernels of libgbt_cuda.so as ptxas reports them. Written by
# tests/cuda/resources.py BUILD_DIR --record; checked by `.ci/run cuda` with the same compiler.
# compiler: {compiler}
# file kernel architecture registers stack_bytes shared_bytes
"""

# File -> instructions that its PTX must have. An add whose old value is not used is a `red` or an
# `atom`; ptxas makes the same of both.
NEEDED = {
    "histogram.cu": [
        r"(atom|red)\.shared(\.\w+)*\.add\.u32",
        r"(atom|red)(\.global)?(\.\w+)*\.add\.u64",
    ],
    "partition.cu": [r"vote\.sync\.ballot", r"atom\.global(\.\w+)*\.add\.u(32|64)"],
}
# What no file may have: another rounding than the CPU's, or a 64-bit atomic in shared memory, which
# is a loop of compare-and-swap.
FORBIDDEN = [
    r"\bfma\.rn\.f(32|64)",
    r"\bmad\.f(32|64)",
    r"\.approx\b",
    r"\.ftz\b",
    r"\bdiv\.full",
    r"(atom|red)\.shared(\.\w+)*\.add\.u64",
    r"atom\.\w+(\.\w+)*\.cas",
]


def fail(message):
    print(f"resources: {message}", file=sys.stderr)
    return 1


def demangled(names):
    tool = shutil.which("c++filt")
    if not tool or not names:
        return {name: name for name in names}
    out = subprocess.run([tool, *names], check=True, capture_output=True, text=True).stdout
    # "void name<true>(int)" -> "name<true>"
    plain = [re.sub(r"\(.*", "", re.sub(r"^void ", "", line)) for line in out.splitlines()]
    return dict(zip(names, plain))


def read_logs(build):
    """(file, kernel, architecture) -> (registers, stack, shared, spilled bytes)."""
    folder = os.path.join(build, "cuda", "CMakeFiles", "gbt_cuda.dir")
    logs = sorted(name for name in os.listdir(folder) if name.endswith(".cu.o.log"))
    found, names = {}, set()
    pattern = re.compile(
        r"Compiling entry function '(\w+)' for '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes "
        r"spill stores, (\d+) bytes spill loads.*?Used (\d+) registers([^\n]*)",
        flags=re.S,
    )
    for log in logs:
        with open(os.path.join(folder, log), encoding="utf-8") as file:
            text = file.read()
        for name, arch, stack, stores, loads, registers, rest in pattern.findall(text):
            if re.match(r"_ZN\d*(cub|thrust)|_ZN3cub", name):
                continue
            shared = re.search(r"(\d+) bytes smem", rest)
            names.add(name)
            found[log[: -len(".o.log")], name, arch] = (
                int(registers),
                int(stack),
                int(shared.group(1)) if shared else 0,
                int(stores) + int(loads),
            )
    plain = demangled(sorted(names))
    return {(file, plain[name], arch): value for (file, name, arch), value in found.items()}


def compiler_version(compiler):
    out = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout
    return re.search(r"release ([\d.]+)", out).group(1)


def recorded_compiler():
    with open(TABLE, encoding="utf-8") as file:
        found = re.search(r"^# compiler: nvcc ([\d.]+)$", file.read(), flags=re.M)
    return found.group(1) if found else "unknown"


def read_table():
    table = {}
    if not os.path.exists(TABLE):
        return table
    with open(TABLE, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                source, kernel, arch, *numbers = line.split()
                table[source, kernel, arch] = tuple(map(int, numbers))
    return table


def write_table(found, compiler):
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write(HEAD.format(compiler=f"nvcc {compiler_version(compiler)}"))
        for key in sorted(found):
            file.write(" ".join(map(str, (*key, *found[key][:3]))) + "\n")


def check_table(found):
    bad = 0
    table = read_table()
    for key in sorted(set(found) | set(table)):
        name = " ".join(key)
        if key not in found:
            bad |= fail(f"{name} is recorded and was not built; --record writes the table again")
        elif key not in table:
            bad |= fail(f"{name} is not in cuda/RESOURCES.txt; --record writes the table again")
        else:
            words = ("registers", "bytes of stack", "bytes of static shared memory")
            for word, now, then in zip(words, found[key], table[key]):
                if now > then:
                    bad |= fail(f"{name} takes {now} {word}, recorded are {then}")
                elif now < then:
                    print(f"resources: {name} takes {now} {word} only, recorded are {then}")
    return bad


def ptx_of(compiler, source):
    command = [compiler, "-std=c++17", "-O3", "--fmad=false", "-arch=compute_90", f"-I{ROOT}"]
    done = subprocess.run(
        [*command, "-ptx", source, "-o", "-"], check=True, capture_output=True, text=True
    )
    return done.stdout


def check_ptx(compiler, files):
    bad = 0
    for name in files:
        text = ptx_of(compiler, os.path.join(ROOT, "cuda", name))
        for needed in NEEDED.get(name, []):
            if not re.search(needed, text):
                bad |= fail(f"the PTX of {name} has no {needed}")
        for forbidden in FORBIDDEN:
            match = re.search(forbidden, text)
            if match:
                line = text[text.rfind("\n", 0, match.start()) + 1 :].split("\n")[0].strip()
                bad |= fail(f"the PTX of {name} has {line!r}")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--no-ptx", action="store_true")
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    arguments = parser.parse_args()
    found = read_logs(arguments.build)
    if not found:
        return fail(f"no kernel in the logs of {arguments.build}")
    bad = 0
    for key, (_, _, _, spilled) in sorted(found.items()):
        if spilled:
            bad |= fail(f"{' '.join(key)} spills {spilled} bytes of registers")
    if arguments.record:
        write_table(found, arguments.nvcc)
    elif recorded_compiler() != compiler_version(arguments.nvcc):
        print(
            f"resources: recorded with nvcc {recorded_compiler()}, this is "
            f"{compiler_version(arguments.nvcc)}: NOT COMPARED with cuda/RESOURCES.txt"
        )
    else:
        bad |= check_table(found)
    if not arguments.no_ptx:
        # Files with kernels of ours.
        bad |= check_ptx(arguments.nvcc, sorted({file for file, _, _ in found}))
    library = os.path.join(arguments.build, "libgbt_cuda.so")
    size = os.path.getsize(library)
    print(f"resources: {len(found)} kernels, libgbt_cuda.so has {size / 1e6:.2f} MB")
    return bad


if __name__ == "__main__":
    sys.exit(main())
