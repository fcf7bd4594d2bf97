"""Exceptions: one class a status of the C API, each with the message that the library wrote."""


class GBTError(Exception):
    """Everything that the library reports; the text says what, where and what would be right."""


class ArgumentError(GBTError, ValueError):
    """An argument outside its domain."""


class ParamError(GBTError, ValueError):
    """An unknown parameter, or a value or combination that is not allowed."""


class OutOfMemoryError(GBTError, MemoryError):
    """Out of memory, or over `memory_limit`."""


class FileError(GBTError, OSError):
    """A file could not be read or written."""


class FormatError(GBTError, ValueError):
    """A file or a block of bytes is malformed."""


class StateError(GBTError, RuntimeError):
    """A call that is not allowed now."""


class UnsupportedError(GBTError, NotImplementedError):
    """Not available for this model or in this build."""


class DeviceError(GBTError, RuntimeError):
    """The device failed."""


class CancelledError(GBTError, RuntimeError):
    """A callback stopped the work."""


class BugError(GBTError, RuntimeError):
    """A mistake of the library itself: please report it."""


class DataError(GBTError, ValueError):
    """Data that does not fit the request."""


class NumericError(GBTError, ArithmeticError):
    """Training met numbers that are not finite."""


# By the names of gbt_status_name().
CLASSES = {
    "GBT_ERR_ARGUMENT": ArgumentError,
    "GBT_ERR_PARAM": ParamError,
    "GBT_ERR_MEMORY": OutOfMemoryError,
    "GBT_ERR_IO": FileError,
    "GBT_ERR_FORMAT": FormatError,
    "GBT_ERR_STATE": StateError,
    "GBT_ERR_UNSUPPORTED": UnsupportedError,
    "GBT_ERR_DEVICE": DeviceError,
    "GBT_ERR_CANCELLED": CancelledError,
    "GBT_ERR_BUG": BugError,
    "GBT_ERR_DATA": DataError,
    "GBT_ERR_NUMERIC": NumericError,
}


def exception_of(name, message):
    """The exception for a status name; statuses of a newer library become plain GBTErrors."""
    return CLASSES.get(name, GBTError)(message)
