"""What is said of a command line that cannot be understood."""

from __future__ import annotations

from typing import cast

import typer

from chatterm.core.clean import clean_line

_WRONG = {
    "greater_than_equal": ("ge", "is less than {}."),
    "less_than_equal": ("le", "is more than {}."),
    "int_parsing": ("", "is not a whole number."),
    "int_from_float": ("", "is not a whole number."),
    "float_parsing": ("", "is not a number."),
}
"""What a value is, by the kind of the fault, with the name of the limit that it does not keep."""


def usage_text(error: typer.TyperException) -> str:
    """One line that names option, value and fault; typer's own where that says as much."""
    told = error.format_message()
    faults = getattr(error.__cause__, "errors", None)  # of what typer checks values with
    if not callable(faults):
        return told
    fault = cast("list[dict[str, object]]", faults())[0]
    theirs, kind = str(fault["msg"]), str(fault["type"])
    if kind == "value_error":
        return told.replace(theirs, theirs.removeprefix("Value error, "))
    limit, words = _WRONG.get(kind, ("", theirs))
    limits = cast("dict[str, object]", fault.get("ctx", {}))
    value = clean_line(str(fault["input"]), 60)
    return told.replace(theirs, f"{value!r} {words.format(limits.get(limit))}")
