"""No verb takes what is no model file, or one that was cut, changed, or made by a newer version."""

import struct

import pytest
from refusal import DATA, refuse

VERBS = [
    "info model=m.gbt",
    "verify model=m.gbt",
    "dump model=m.gbt",
    "importance model=m.gbt",
    "predict model=m.gbt data=train.csv",
    "eval model=m.gbt data=train.csv",
    "train train=train.csv model=new.gbt continue_from=m.gbt",
]


@pytest.mark.parametrize("arguments", VERBS, ids=lambda text: text.split()[0])
@pytest.mark.parametrize("name", ["empty", "text", "half"])
def test_no_verb_takes_what_is_no_model(gbt, folder, name, arguments):
    whole = (folder / "m.gbt").read_bytes()
    data, says = {
        "empty": (b"", "are too few for a gbt model file"),
        "text": (b"a,b,c,y\n" * 200, "not a gbt model file"),
        "half": (whole[: len(whole) // 2], "the header says"),
    }[name]
    (folder / "m.gbt").write_bytes(data)
    refuse(gbt, folder, arguments.split(), DATA, ["m.gbt", says])


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_refused(gbt, folder, share):
    whole = (folder / "m.gbt").read_bytes()
    (folder / "m.gbt").write_bytes(whole[: int(share * len(whole))])
    refuse(gbt, folder, ["info", "model=m.gbt"], DATA, ["m.gbt: "])


@pytest.mark.parametrize("step", range(24))
def test_a_file_with_a_flipped_bit_is_refused(gbt, folder, step):
    data = bytearray((folder / "m.gbt").read_bytes())
    place = step * (len(data) - 1) // 23
    data[place] ^= 1 << step % 8
    (folder / "m.gbt").write_bytes(data)
    refuse(gbt, folder, ["verify", "model=m.gbt"], DATA, ["m.gbt: "])


def test_a_file_with_bytes_behind_it_is_refused(gbt, folder):
    with open(folder / "m.gbt", "ab") as file:
        file.write(b"\0")
    refuse(gbt, folder, ["info", "model=m.gbt"], DATA, ["m.gbt: ", "bytes behind the end"])


def test_a_file_of_a_newer_version_is_named_as_such(gbt, folder):
    data = bytearray((folder / "m.gbt").read_bytes())
    (version,) = struct.unpack_from("<I", data, 12)  # behind the magic bytes and the kind
    struct.pack_into("<I", data, 12, version + 1)
    (folder / "m.gbt").write_bytes(data)
    says = [f"format version {version + 1}", f"reads version {version}"]
    refuse(gbt, folder, ["info", "model=m.gbt"], DATA, says)


def test_a_file_of_another_kind_is_named_as_such(gbt, folder):
    data = bytearray((folder / "m.gbt").read_bytes())
    data[8:12] = b"BINS"
    (folder / "m.gbt").write_bytes(data)
    refuse(gbt, folder, ["info", "model=m.gbt"], DATA, ["a gbt file, but not a model"])
