"""What it means that a command is refused, and tables of commands that must be.

A case is a command line, the files that are written before, the exit code and parts of the message.
Test files write cases as tables: a line a case, cells separated by bars, `\\n` for a line end."""

USAGE, DATA, MEMORY, DEVICE = 2, 3, 4, 5

# "train + seed=1" stands for the verb with the files that it needs.
USUAL = {
    "train": "train=train.csv model=m.gbt",
    "check": "train=train.csv",
    "predict": "model=old.gbt data=train.csv",
    "eval": "model=old.gbt data=train.csv",
}


def write(path, text):
    """Text as UTF-8; a lone surrogate stands for a byte that is none."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    path.write_bytes(data)


def table(text):
    """Cells of the lines that are not blank."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [[cell.strip().replace(r"\n", "\n") for cell in line.split("|")] for line in lines]


class Cases(dict):
    """Name -> (arguments, files, exit code, parts of the message)."""

    def add(self, name, command, code, says, files=None):
        assert name not in self, name
        assert says and all(says), name
        verb, _, rest = command.partition(" ")
        if rest.startswith("+"):
            rest = USUAL[verb] + rest[1:]
        self[name] = ([verb, *rest.split()] if verb else [], files or {}, code, says)

    def add_commands(self, code, text):
        """Lines `command | message | ...`; the command is the name."""
        for command, *says in table(text):
            self.add(command or "nothing", command, code, says)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def refuse(gbt, folder, arguments, code, says):
    """The exit code and the message are right, stdout is empty, and no file appears or changes."""
    before = contents(folder)
    result = gbt(*arguments, code=code, cwd=folder)
    assert result.out == "", result
    for part in says:
        assert part in result.err, f"{part!r} is not in the message\n{result}"
    assert contents(folder) == before


def refuse_case(gbt, folder, case):
    arguments, files, code, says = case
    for path, text in files.items():
        write(folder / path, text)
    refuse(gbt, folder, arguments, code, says)
