#!/usr/bin/env python3
"""Checks the house rules of CONTRIBUTING.md that a compiler does not know.

    .ci/check_house.py [--root DIR] [--libraries DIR]

Include directions, sizes, unique file names, banned calls in library code, symbol names, source
lists of CMake, reference keys, text rules. With --libraries instead the symbols of libgbt.a and
libgbt.so in DIR.
Prints `file:line: rule: message` for every finding; exit code 1 when there is one.
"""

import argparse
import ast
import os
import re
import subprocess
import sys

# ---- The rules as data ---------------------------------------------------------------------------

# Folder -> what its files may include, as prefixes of paths from the repository root. The longest
# matching folder counts. Files of a folder may always include their own folder. None: anything.
PUBLIC = ["gbt/gbt.h"]
BASE = PUBLIC + ["gbt/base/"]
DATASETS = BASE
PARAMS = BASE
DATA = BASE + ["gbt/params/", "datasets/"]
LOSS = BASE + ["gbt/params/"]
TREE = BASE + ["gbt/params/", "gbt/data/", "gbt/loss/", "datasets/table.h"]
BACKEND = BASE + ["gbt/data/", "gbt/loss/", "gbt/tree/"]
HELPERS = [
    "tests/support/fail_alloc.h",
    "tests/support/gtest_c.h",
    "tests/support/temp_dir.h",
    "tests/support/toy.h",
]
TRAIN = BASE + [
    "gbt/params/",
    "gbt/data/",
    "gbt/loss/",
    "gbt/tree/",
    "gbt/backend/",
    "datasets/table.h",
]
MAY_INCLUDE = {
    "gbt/gbt.h": [],
    "gbt/base": BASE,
    "datasets": DATASETS,
    "gbt/params": PARAMS,
    "gbt/data": DATA,
    "gbt/loss": LOSS,
    "gbt/tree": TREE,
    "gbt/backend": BACKEND,
    "gbt/train": TRAIN,
    "gbt/cli": BASE,
    "gbt/modules": BASE,
    "cuda": BASE
    + [
        "gbt/backend/",
        "gbt/data/",
        "gbt/loss/loss.h",
        "gbt/loss/objective.h",
        "gbt/tree/forest.h",
        "gbt/tree/tree.h",
        "tests/cuda/emulate.h",
    ],
    "tests/api": PUBLIC + HELPERS,
    "tests": None,
    "benches": None,
}
# Narrower than the folder: what a file may not include although its folder could.
MAY_NOT_INCLUDE = {
    "gbt/backend": ["gbt/loss/metric.h"],
}

MOST_FILE_LINES = 800
MOST_LINES_OF = {"gbt/gbt.h": 1000}  # the one public header
MOST_FUNCTION_LINES = 100
MOST_COLUMNS = 100

CODE = (".c", ".h", ".cc", ".cpp", ".cu", ".cuh", ".def")
C_CODE = (".c", ".h", ".cu", ".cuh", ".def")
TEXT = CODE + (".py", ".md", ".txt", ".cmake", ".in", ".json", ".ini", ".toml", ".yml", ".sh", "")
SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".pytest_cache", ".venv"}
MAY_REPEAT = {"README.md", "CMakeLists.txt", "__init__.py", "conftest.py"}
PYTHON_PACKAGE = "bindings/python/src/"  # its modules are named by their job inside the package
DATA_FOLDERS = ("tests/fuzz/corpus/", "tests/golden/")

# Library code is a guest: it neither prints, exits, reads the environment nor touches the locale,
# and what reaches a model is computed by gbt/base/maths.h.
LIBRARY = ("gbt/", "datasets/", "cuda/")
NOT_LIBRARY = ("gbt/cli/", "datasets/make.c", "datasets/small/")
BANNED_CALLS = {
    "printing": "printf fprintf vprintf vfprintf dprintf puts putchar perror",
    "ending the process": "exit _exit _Exit quick_exit abort atexit raise signal sigaction",
    "reading the environment": "getenv secure_getenv setenv putenv system",
    "locale": "setlocale localeconv strtod strtof strtold atof atoi atol sscanf fscanf scanf",
    "hidden state": "rand srand random srandom drand48 rand_r strtok localtime gmtime ctime",
    "memory outside gbt/base/alloc.c": (
        "malloc calloc realloc free aligned_alloc posix_memalign strdup strndup alloca"
    ),
    "libm differs between machines, use gbt/base/maths.h": (
        "exp expf exp2 exp2f expm1 expm1f log logf log2 log2f log10 log10f log1p log1pf pow powf "
        "tanh tanhf sinh cosh erf erff lgamma tgamma cbrt cbrtf"
    ),
    "unbounded text": "sprintf vsprintf gets",
}
CALL_EXEMPT = {
    "gbt/base/alloc.c": {"memory outside gbt/base/alloc.c"},
    "gbt/base/maths.h": {"libm differs between machines, use gbt/base/maths.h"},
}
BANNED_WORDS = {"stdout": "printing", "stderr": "printing", "environ": "reading the environment"}

# A citation as in `[Ke17]` or `[Ke17 alg. 3]`; the list of references defines each key once.
REFERENCES = "gbt/ALGORITHM.md"
CITATION = re.compile(r"\[([A-Z][A-Za-z]*\d{2,4}[a-z]?)(?=[\s,;\]])")
DEFINITION = re.compile(r"^- \[(\w+)\] ", flags=re.M)

# Written so that this file does not contain what it looks for.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b(?!\(#\d+\))")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:wo" r"rk|ro" r"ot|ho" r"me|Us" r"ers|m" r"nt)/[\w.]")

findings = []


def report(path, line, rule, message):
    findings.append((path, line, rule, message))


# ---- Reading -------------------------------------------------------------------------------------


def all_files(root):
    """Paths relative to the root, with forward slashes, of everything that is not built."""
    result = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n not in SKIPPED_FOLDERS)
        for name in sorted(set(files) - SKIPPED_FOLDERS):
            result.append(os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/"))
    return result


def read(root, path):
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    if b"\0" in data:
        return None
    return data.decode("utf-8", errors="replace")


def without_comments(text, keep_strings=False):
    """The C text with comments (and strings) blanked; line numbers and columns stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''

    def blank(match):
        found = match.group(0)
        if keep_strings and found[0] in "\"'":
            return found
        return re.sub(r"[^\n]", " ", found)

    return re.sub(pattern, blank, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def rule_for(table, path):
    """The entry of the longest folder (or file) of the table that holds the path."""
    best = None
    for folder in table:
        if path == folder or path.startswith(folder + "/"):
            if best is None or len(folder) > len(best):
                best = folder
    return best


# ---- Checks of one file --------------------------------------------------------------------------


def check_includes(path, code, files):
    folder = rule_for(MAY_INCLUDE, path)
    if folder is None:
        report(path, 1, "include", "no include rule for this folder; add it to MAY_INCLUDE")
        return
    allowed = MAY_INCLUDE[folder]
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', code, flags=re.M):
        target, line = match.group(1), line_of(code, match.start())
        if target not in files:
            report(path, line, "include", f'"{target}" is no path from the repository root')
            continue
        if allowed is None or target.startswith(folder.rstrip("/") + "/"):
            continue
        forbidden = any(target.startswith(p) for p in MAY_NOT_INCLUDE.get(folder, []))
        if forbidden or not any(target.startswith(prefix) for prefix in allowed):
            what = ", ".join(allowed) if allowed else "system headers only"
            report(path, line, "include", f'{folder} may not include "{target}" (may: {what})')


def is_library(path):
    return path.startswith(LIBRARY) and not path.startswith(NOT_LIBRARY)


def check_calls(path, code):
    exempt = CALL_EXEMPT.get(path, set())
    for reason, names in BANNED_CALLS.items():
        if reason in exempt:
            continue
        calls = "|".join(names.split())
        for match in re.finditer(rf"(?<![\w.>])({calls})\s*\(", code):
            line = line_of(code, match.start())
            report(path, line, "call", f"{match.group(1)}() is banned in library code: {reason}")
    for word, reason in BANNED_WORDS.items():
        for match in re.finditer(rf"\b{word}\b", code):
            report(
                path,
                line_of(code, match.start()),
                "call",
                f"{word} is banned in library code: {reason}",
            )
    for match in re.finditer(r"\bgoto\s+(\w+)", code):
        if match.group(1) != "done":
            report(
                path,
                line_of(code, match.start()),
                "goto",
                f"goto {match.group(1)}: only `done` is used",
            )


def functions_of(lines):
    """(first line, last line, header) of every function: its braces stand alone in column 0."""
    result = []
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            first = start - 1
            while (
                first >= 1
                and lines[first - 1].strip()
                and not re.match(r"[#}]|.*;\s*$", lines[first - 1])
            ):
                first -= 1
            header = " ".join(part.strip() for part in lines[first : start - 1])
            if "(" in header and not header.startswith(("typedef", "struct", "enum", "union")):
                result.append((first + 1, number, header))
            start = None
    return result


def check_functions(path, code):
    # Macros of this file that hide what they mark, as in `#define INLINE static inline`.
    hiding = re.findall(r"^#define[ \t]+(\w+)[ \t][^\n]*\bstatic\b", code, flags=re.M)
    hiding = "|".join(["static", "GBT_HD", "__global__", "__device__"] + hiding)
    for first, last, header in functions_of(code.split("\n")):
        name = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", header))
        name = name.group(1) if name else "?"
        if last - first + 1 > MOST_FUNCTION_LINES:
            report(
                path,
                first,
                "size",
                f"{name}() has {last - first + 1} lines, most is {MOST_FUNCTION_LINES}",
            )
        hidden = re.search(rf"\b({hiding})\b", header)
        if (
            is_library(path)
            and path.endswith((".c", ".h"))
            and not hidden
            and not name.startswith("gbt_")
        ):
            report(path, first, "symbol", f"{name}() has linkage, so its name must begin with gbt_")


def check_python(path, text):
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        report(path, error.lineno or 1, "syntax", str(error.msg))
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = node.end_lineno - node.lineno + 1
            if size > MOST_FUNCTION_LINES:
                report(
                    path,
                    node.lineno,
                    "size",
                    f"{node.name}() has {size} lines, most is {MOST_FUNCTION_LINES}",
                )


def check_text(path, text):
    lines = text.split("\n")
    most_lines = MOST_LINES_OF.get(path, MOST_FILE_LINES)
    if path.endswith(CODE + (".py",)) and len(lines) - 1 > most_lines:
        report(path, len(lines) - 1, "size", f"{len(lines) - 1} lines, most is {most_lines}")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            report(path, number, "unfinished", "finish it or name the issue, as in (#12)")
        if MACHINE_PATH.search(line):
            report(
                path,
                number,
                "path",
                f"path of one machine: {MACHINE_PATH.search(line).group(0)}...",
            )
        if path.endswith(CODE + (".py",)):
            check_code_line(path, number, line)
    if text and not text.endswith("\n"):
        report(path, len(lines), "text", "no newline at the end of the file")


def check_code_line(path, number, line):
    if "\t" in line:
        report(path, number, "text", "tab; indent with spaces")
    if line != line.rstrip():
        report(path, number, "text", "blanks at the end of the line")
    if len(line) > MOST_COLUMNS and not path.endswith(".def") and "http" not in line:
        report(path, number, "text", f"{len(line)} columns, most is {MOST_COLUMNS}")
    if not line.isascii():
        report(path, number, "text", "not ASCII")


# ---- Checks of the whole tree --------------------------------------------------------------------


def check_names(files):
    seen = {}
    for path in files:
        name = path.rsplit("/", 1)[-1]
        if name in MAY_REPEAT or name.startswith(".") or path.startswith(DATA_FOLDERS):
            continue
        if path.startswith(PYTHON_PACKAGE):
            continue
        if not path.endswith(CODE + (".py",)):
            continue
        if name in seen:
            report(path, 1, "name", f"name is taken by {seen[name]}; file names are unique")
        seen.setdefault(name, path)


def check_cmake_lists(root, files):
    """Every C file is named in the CMakeLists.txt of the root or of a folder above it."""
    lists = {p: read(root, p) for p in files if p.rsplit("/", 1)[-1] == "CMakeLists.txt"}
    for path in files:
        if not path.endswith((".c", ".cc", ".cu")) or not path.startswith(
            ("gbt/", "datasets/", "tests/", "benches/", "cuda/")
        ):
            continue
        named = False
        for list_path, text in lists.items():
            folder = list_path[: -len("CMakeLists.txt")]
            if path.startswith(folder) and re.search(
                rf"(?<![\w/]){re.escape(path[len(folder):])}\b", text
            ):
                named = True
        fuzz = re.fullmatch(r"tests/fuzz/fuzz_(\w+)\.c", path)
        if fuzz and "tests/CMakeLists.txt" in lists:
            block = re.search(r"set\(GBT_FUZZ_TARGETS([^)]*)\)", lists["tests/CMakeLists.txt"])
            named = named or (block is not None and fuzz.group(1) in block.group(1).split())
        if not named:
            report(path, 1, "build", "in no CMakeLists.txt; sources are listed by name")


def defined_references(root, files):
    keys = DEFINITION.findall(read(root, REFERENCES)) if REFERENCES in files else []
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        report(REFERENCES, 1, "reference", f"[{key}] is defined twice")
    return set(keys)


def check_references(path, text, code, defined):
    """`code` is the text with comments blanked, None for prose."""
    for match in CITATION.finditer(text):
        is_comment = code is None or code[match.start()] == " "
        if is_comment and match.group(1) not in defined:
            line = line_of(text, match.start())
            report(path, line, "reference", f"[{match.group(1)}] is not in {REFERENCES}")


def declared_functions(header):
    """Names of the GBT_API functions of gbt.h."""
    code = without_comments(header)
    return set(re.findall(r"^GBT_API\b[^;(]*?\b(gbt_\w+)\s*\(", code, flags=re.M))


def nm_symbols(arguments, path):
    output = subprocess.run(
        ["nm", *arguments, path], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[-1] for line in output.splitlines() if len(line.split()) == 3}


def check_libraries(root, folder):
    header = read(root, "gbt/gbt.h")
    declared = declared_functions(header)
    shared = os.path.join(folder, "libgbt.so")
    exported = {name.split("@")[0] for name in nm_symbols(["-D", "--defined-only"], shared)}
    for name in sorted(exported - declared):
        report(shared, 1, "symbol", f"exports {name}, which gbt.h does not declare")
    for name in sorted(declared - exported):
        position = re.search(rf"\b{name}\s*\(", header)
        line = line_of(header, position.start()) if position else 1
        report("gbt/gbt.h", line, "symbol", f"{name} is declared but libgbt.so does not export it")
    for name in sorted(
        nm_symbols(["--extern-only", "--defined-only"], os.path.join(folder, "libgbt.a"))
    ):
        if not name.startswith("gbt_"):
            report(
                os.path.join(folder, "libgbt.a"), 1, "symbol", f"{name} does not begin with gbt_"
            )


def argument_counts(header):
    """{name: number of arguments} of the GBT_API functions of gbt.h."""
    code = without_comments(header)
    found = re.findall(r"^GBT_API\b[^;(]*?\b(gbt_\w+)\s*\(([^;]*)\)\s*;", code, flags=re.M)
    return {
        name: 0 if arguments.strip() == "void" else arguments.count(",") + 1
        for name, arguments in found
    }


def check_signatures(root, files):
    """The table of C signatures of the Python package has every function of gbt.h, with as many
    arguments, and no other."""
    path = "bindings/python/src/gbt/_native.py"
    if path not in files:
        return
    declared = argument_counts(read(root, "gbt/gbt.h"))
    table = {}
    for node in ast.parse(read(root, path)).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FUNCTIONS":
            for row in node.value.elts:  # ("name", result, arguments ...)
                table[row.elts[0].value] = (row.lineno, len(row.elts) - 2)
    for name in sorted(set(declared) - set(table)):
        report(path, 1, "signature", f"{name} of gbt.h has no row in FUNCTIONS")
    for name, (line, count) in sorted(table.items()):
        if name not in declared:
            report(path, line, "signature", f"gbt.h declares no {name}")
        elif declared[name] != count:
            report(path, line, "signature", f"{name} has {declared[name]} arguments in gbt.h")


def check_tree(root):
    files = all_files(root)
    known = set(files)
    check_names(files)
    check_cmake_lists(root, files)
    check_signatures(root, files)
    defined = defined_references(root, files)
    for path in files:
        extension = os.path.splitext(path)[1]
        if (
            extension not in TEXT
            or path.startswith(DATA_FOLDERS)
            and extension not in CODE + (".md",)
        ):
            continue
        text = read(root, path)
        if text is None:
            continue
        check_text(path, text)
        if path.endswith(".py"):
            check_python(path, text)
        if path.endswith(".md"):
            check_references(path, text, None, defined)
        if path.endswith(CODE):
            check_references(path, text, without_comments(text, keep_strings=True), defined)
        if path.endswith(C_CODE):
            check_includes(path, without_comments(text, keep_strings=True), known)
            code = without_comments(text)
            check_functions(path, code)
            if is_library(path):
                check_calls(path, code)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    )
    parser.add_argument(
        "--libraries", metavar="DIR", help="build folder with libgbt.a and libgbt.so"
    )
    arguments = parser.parse_args()
    if arguments.libraries:
        check_libraries(arguments.root, arguments.libraries)
    else:
        check_tree(arguments.root)
    for path, line, rule, message in sorted(findings):
        print(f"{path}:{line}: {rule}: {message}")
    print(f"house check: {len(findings)} findings" if findings else "house check: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
