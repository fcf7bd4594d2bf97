"""Objects of the library with a Python owner: freed when the last reference goes, in any order."""

from ._native import POINTER, SIZE, byref, lib, string_at


class Handle:
    """Owns one pointer of the library. Passed to the functions of `lib` as it is; a call that is
    under way keeps it alive, because it holds a reference."""

    __slots__ = ("_as_parameter_", "_free", "__weakref__")

    def __init__(self, pointer, free):
        self._as_parameter_ = pointer
        self._free = free

    def __del__(self):
        self._free(self._as_parameter_)


class Borrowed:
    """A pointer that lives as long as another object."""

    __slots__ = ("_as_parameter_", "_owner")

    def __init__(self, address, owner):
        self._as_parameter_ = POINTER(address)
        self._owner = owner


def create(function, free, *arguments):
    """Calls a function whose last argument is the new object."""
    pointer = POINTER()
    function(*arguments, byref(pointer))
    return Handle(pointer, free)


def read_bytes(function, *arguments):
    """The bytes that a function with `void **data, size_t *size` as last arguments returns."""
    data, size = POINTER(), SIZE()
    function(*arguments, byref(data), byref(size))
    try:
        return string_at(data, size.value)
    finally:
        lib.gbt_memory_free(data)


def text_of(value):
    """Text of the library, or None; names that are no UTF-8 keep their bytes."""
    return None if value is None else value.decode("utf-8", "surrogateescape")


def bytes_of(value):
    return value.encode("utf-8", "surrogateescape")
