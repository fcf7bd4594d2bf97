"""The house check finds what it is there to find: each case is a small tree with one fault."""

import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECKER = os.path.join(ROOT, ".ci", "check_house.py")

GOOD_C = """/* A file. */
#include "gbt/base/b.h"

int gbt_a(int x)
{
    return x;
}
"""
GOOD = {
    "CMakeLists.txt": "add_library(gbt gbt/base/a.c)\n",
    "gbt/gbt.h": "/* Public. */\n",
    "gbt/base/a.c": GOOD_C,
    "gbt/base/b.h": '/* Header. */\n#include "gbt/gbt.h"\n',
    "README.md": "Text.\n",
}


def check(tmp_path, changes):
    for path, text in {**GOOD, **changes}.items():
        if text is not None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    done = subprocess.run(
        [sys.executable, CHECKER, "--root", str(tmp_path)], capture_output=True, text=True
    )
    return done.returncode, done.stdout


def body(line):
    return GOOD_C.replace("return x;", line)


def test_a_good_tree_is_clean(tmp_path):
    code, output = check(tmp_path, {})
    assert (code, output) == (0, "house check: clean\n")


BAD = {
    "a layer to the right": (
        "gbt/base/b.h",
        '#include "gbt/tree/t.h"\n',
        "gbt/base/b.h:1: include:",
    ),
    "an unknown path": ("gbt/base/b.h", '\n#include "b.h"\n', "gbt/base/b.h:2: include:"),
    "printing": ("gbt/base/a.c", body('printf("x");'), "gbt/base/a.c:6: call: printf()"),
    "an error stream": ("gbt/base/a.c", body("return stderr != 0;"), "a.c:6: call: stderr"),
    "libm": ("gbt/base/a.c", body("return (int)exp(x);"), "gbt/base/a.c:6: call: exp()"),
    "memory": ("gbt/base/a.c", body("free(0);"), "gbt/base/a.c:6: call: free()"),
    "environment": ("gbt/base/a.c", body('getenv("A");'), "gbt/base/a.c:6: call: getenv()"),
    "goto": ("gbt/base/a.c", body("goto out;"), "gbt/base/a.c:6: goto:"),
    "a foreign symbol": (
        "gbt/base/a.c",
        GOOD_C.replace("gbt_a", "a"),
        "gbt/base/a.c:4: symbol: a()",
    ),
    "a long function": ("gbt/base/a.c", body("x++;\n" * 120), "gbt/base/a.c:4: size: gbt_a()"),
    "a long file": ("gbt/base/b.h", "/* */\n" * 801, "gbt/base/b.h:801: size:"),
    "a long line": (
        "gbt/base/b.h",
        "/* " + "x" * 100 + " */\n",
        "gbt/base/b.h:1: text: 106 columns",
    ),
    "a tab": ("gbt/base/a.c", body("\treturn x;"), "gbt/base/a.c:6: text: tab"),
    "unfinished work": ("README.md", "TO" "DO: write\n", "README.md:1: unfinished:"),
    "a path of one machine": ("README.md", "see /ho" "me/me/x\n", "README.md:1: path:"),
    "a file name twice": ("gbt/tree/b.h", "/* */\n", "gbt/tree/b.h:1: name:"),
    "an unlisted source": ("gbt/base/c.c", "/* */\n", "gbt/base/c.c:1: build:"),
    "an unlisted kernel": ("cuda/k.cu", "/* */\n", "cuda/k.cu:1: build:"),
    "a kernel that knows the trainer": (
        "cuda/k.cuh",
        '#include "gbt/tree/t.h"\n',
        "cuda/k.cuh:1: include:",
    ),
    "a reference that is not in the list": (
        "gbt/base/a.c",
        "/* As in [Nobody99\n * sec. 2]. */\n" + GOOD_C,
        "gbt/base/a.c:1: reference: [Nobody99]",
    ),
    "a folder without a rule": ("gbt/new/n.h", '#include "gbt/gbt.h"\n', "gbt/new/n.h:1: include:"),
    "a command line that looks inside": (
        "gbt/cli/m.h",
        '#include "gbt/tree/t.h"\n',
        "m.h:1: include:",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_fault_is_found(tmp_path, case):
    path, text, expected = BAD[case]
    extra = {"gbt/tree/t.h": "/* Tree. */\n"} if "tree/t.h" in text else {}
    code, output = check(tmp_path, {path: text, **extra})
    assert code == 1
    assert expected in output, output


FINE = {
    "an index that looks like a reference": body("return table[Row16];"),
    "a call in a comment": body("return x; /* not printf(1) */"),
    "a call in a string": body('return "exit(1)"[x];'),
    "a method called free": body("hook->free(x);"),
    "a name that ends like a banned one": body("gbt_free(x);"),
    "the one label": body("goto done;\ndone:\n    return x;"),
    "a macro that says static": GOOD_C + "\n#define FAST static inline\n\nFAST int f(void)\n{\n}\n",
    "a static helper": GOOD_C + "\nstatic int helper(void)\n{\n    return 1;\n}\n",
}


@pytest.mark.parametrize("case", sorted(FINE))
def test_no_false_alarm(tmp_path, case):
    code, output = check(tmp_path, {"gbt/base/a.c": FINE[case]})
    assert (code, output) == (0, "house check: clean\n")


def test_a_reference_in_the_list_is_known(tmp_path):
    files = {
        "gbt/ALGORITHM.md": "See [Nobody99 ch. 2].\n\n- [Nobody99] A. Nobody. 1999.\n",
        "gbt/base/a.c": "/* As in [Nobody99]. */\n" + GOOD_C,
    }
    assert check(tmp_path, files) == (0, "house check: clean\n")


def test_a_reference_is_listed_once(tmp_path):
    code, output = check(tmp_path, {"gbt/ALGORITHM.md": "- [Nobody99] A.\n- [Nobody99] B.\n"})
    assert code == 1
    assert "gbt/ALGORITHM.md:1: reference: [Nobody99] is defined twice" in output


NATIVE = "bindings/python/src/gbt/_native.py"
HEADER = "GBT_API int gbt_a(int x);\nGBT_API void gbt_b(void);\n"


def test_the_table_of_python_names_every_function_with_its_arguments(tmp_path):
    good = 'FUNCTIONS = [("gbt_a", int, int), ("gbt_b", None)]\n'
    assert check(tmp_path / "good", {"gbt/gbt.h": HEADER, NATIVE: good})[0] == 0
    bad = 'FUNCTIONS = [("gbt_a", int), ("gbt_c", None)]\n'
    code, output = check(tmp_path / "bad", {"gbt/gbt.h": HEADER, NATIVE: bad})
    assert code == 1
    for words in ("gbt_a has 1 arguments", "gbt_b of gbt.h has no row", "declares no gbt_c"):
        assert words in output
