"""Installs the build into a fresh folder and uses it the way a stranger would: the C program of
README.md is compiled through pkg-config and through CMake and run; libgbt.so exports exactly what
gbt.h declares."""

import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["GBT_BUILD_DIR"]
CC = os.environ.get("GBT_CC", "cc")
CMAKE = os.environ.get("GBT_CMAKE", "cmake")
GENERATOR = os.environ.get("GBT_CMAKE_GENERATOR", "Ninja")

CONSUMER = """
cmake_minimum_required(VERSION 3.18)
project(consumer LANGUAGES C)
find_package(gbt REQUIRED)
add_executable(with_shared program.c)
target_link_libraries(with_shared PRIVATE gbt::gbt)
add_executable(with_static program.c)
target_link_libraries(with_static PRIVATE gbt::gbt_static)
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def readme_program():
    """The first C block of README.md: the same text that users read."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        found = re.search(r"^```c\n(.*?)^```", file.read(), flags=re.M | re.S)
    assert found, "README.md has no C block"
    return found.group(1)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    run(CMAKE, "--install", BUILD, "--prefix", str(folder))
    return folder


@pytest.fixture(scope="module")
def library_folder(prefix):
    return next(prefix.rglob("libgbt.so")).parent


@pytest.fixture
def project(tmp_path):
    (tmp_path / "program.c").write_text(readme_program())
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER)
    return tmp_path


def run_program(program, library_folder, folder):
    """Its output; it must have written what its text promises to print."""
    environment = dict(os.environ, LD_LIBRARY_PATH=str(library_folder))
    return run(str(program), cwd=folder, env=environment)


def check_output(text):
    numbers = [float(n) for n in re.findall(r"predicted +(-?[0-9.]+)", text)]
    wanted = [float(n) for n in re.findall(r"true +(-?[0-9.]+)", text)]
    assert len(numbers) >= 3 and len(numbers) == len(wanted), text
    for number, truth in zip(numbers, wanted):
        assert abs(number - truth) < 0.15 * max(1.0, abs(truth)), text


def pkg_config(library_folder, *arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(library_folder / "pkgconfig"))
    return run("pkg-config", *arguments, "gbt", env=environment).split()


def test_readme_program_builds_with_pkg_config(prefix, library_folder, project):
    flags = pkg_config(library_folder, "--cflags", "--libs")
    run(
        CC,
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "program.c",
        "-o",
        "program",
        *flags,
        cwd=project,
    )
    check_output(run_program(project / "program", library_folder, project))


def test_readme_program_builds_against_the_static_library(prefix, library_folder, project):
    flags = pkg_config(library_folder, "--cflags", "--libs", "--static")
    flags = [str(library_folder / "libgbt.a") if f == "-lgbt" else f for f in flags]
    run(CC, "-std=c11", "program.c", "-o", "program", *flags, cwd=project)
    shutil.rmtree(project / "none", ignore_errors=True)
    check_output(run_program(project / "program", project / "none", project))


@pytest.mark.parametrize("program", ["with_shared", "with_static"])
def test_readme_program_builds_with_cmake(prefix, library_folder, project, program):
    run(
        CMAKE,
        "-S",
        ".",
        "-B",
        "out",
        "-G",
        GENERATOR,
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={CC}",
        cwd=project,
    )
    run(CMAKE, "--build", "out", "--target", program, cwd=project)
    check_output(run_program(project / "out" / program, library_folder, project))


def test_cmake_package_is_refused_for_another_minor_version(prefix, project):
    text = CONSUMER.replace("find_package(gbt REQUIRED)", "find_package(gbt 99.0 REQUIRED)")
    (project / "CMakeLists.txt").write_text(text)
    done = subprocess.run(
        [CMAKE, "-S", ".", "-B", "out", "-G", GENERATOR, f"-DCMAKE_PREFIX_PATH={prefix}"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "99.0" in done.stderr


def test_only_gbt_h_is_installed_as_a_header(prefix):
    headers = sorted(
        str(p.relative_to(prefix)) for p in (prefix / "include").rglob("*") if p.is_file()
    )
    assert headers == ["include/gbt/gbt.h"]


def test_shared_library_exports_exactly_the_functions_of_the_header(prefix, library_folder):
    with open(prefix / "include" / "gbt" / "gbt.h", encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    declared = set(re.findall(r"^GBT_API\b[^;(]*?\b(gbt_\w+)\s*\(", text, flags=re.M))
    lines = run("nm", "-D", "--defined-only", str(library_folder / "libgbt.so")).splitlines()
    exported = {line.split()[-1].split("@")[0] for line in lines}
    assert len(declared) > 50
    assert exported == declared


def test_installed_program_answers(prefix):
    version = run(str(prefix / "bin" / "gbt"), "--version")
    with open(prefix / "include" / "gbt" / "gbt.h", encoding="utf-8") as file:
        numbers = re.findall(r"#define GBT_VERSION_\w+ (\d+)", file.read())
    assert ".".join(numbers) in version
