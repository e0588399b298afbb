"""Arithmetic from text, by a walk over Python's syntax tree that knows numbers and nothing else.

Numbers are exact fractions until a function or a root makes them floats. Every operation is refused before it is
done if its result could have more than 4,000 digits, so that the time and memory of each are bounded.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from typing import Any, TypeVar

from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError, ToolError

Number = Fraction | float
"""A float is what could not be kept exact."""

N = TypeVar("N", Fraction, float, Number)

MOST_DIGITS = 4_000
MOST_CHARACTERS = 2_000
MOST_DEPTH = 100

_MOST_BITS = 13_287  # as many as 4,000 digits have
_MOST_FACTORIAL = 1_400
"""1,400! has 3,797 digits."""
_SHOWN_DIGITS = 28
_MOST_SHOWN = 200
"""Digits of a decimal that does not need to be rounded."""

_KNOWN = " It takes numbers, + - * / // % **, parentheses, and the functions named in its description."
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FLOATS = frozenset(
    {
        "cbrt",
        "exp",
        "log",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "tanh",
        "degrees",
        "radians",
        "hypot",
    }
)
"""Functions of `math` whose results are floats, whatever they are given."""
_WHOLE = {
    "isqrt": None,
    "gcd": None,
    "lcm": None,
    "factorial": _MOST_FACTORIAL,
    "comb": _MOST_FACTORIAL,
    "perm": _MOST_FACTORIAL,
}
"""Functions of `math` that take whole numbers, with the largest that they may be given."""
_ALLOWED = re.compile(r"[0-9A-Za-z_.+\-*/%()^, \t\r\n]*")
_JOINED = re.compile(r"[0-9.](and|else|for|if|in|is|not|or)\b", re.IGNORECASE)
"""What Python's parser warns about on standard error."""


def calculate(expression: str) -> str:
    """The value as text: exact, or rounded and said so. Raises `InvalidCallError`, or `ToolError` with the reason."""
    if len(expression) > MOST_CHARACTERS:
        raise InvalidCallError(f"The expression has more than {MOST_CHARACTERS:,} characters.")
    if not _ALLOWED.fullmatch(expression) or _JOINED.search(expression):
        raise InvalidCallError(f"{clean_line(expression, 100)!r} is no expression of numbers.{_KNOWN}")
    expression = " ".join(expression.split())  # one line, of ASCII alone, so that columns are indices
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = (
            error.msg if isinstance(error, SyntaxError) else "it is nested too deep or holds what is no text"
        )
        raise InvalidCallError(f"The expression cannot be read: {clean_line(said, 200)}.") from None
    try:
        return shown(_Walk(expression).value(tree.body, 0))
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except OverflowError:
        raise ToolError("The result is too large.") from None
    except ValueError as error:  # of functions, outside their domain
        raise ToolError(f"This cannot be calculated: {clean_line(str(error), 200)}.") from None


def shown(value: Number) -> str:
    """The number in digits; what is rounded says so."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ToolError("The result is too large, or no number.")
        return repr(value).removesuffix(".0")
    if value.denominator == 1:
        return str(value.numerator)
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest == 1 and (places := max(twos, fives)) <= _MOST_SHOWN:
        digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
        return f"{'-' * (value < 0)}{digits[:-places]}.{digits[-places:]}"
    context = Context(prec=_SHOWN_DIGITS)
    decimal = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    if not context.flags[Inexact]:
        return str(decimal)
    exactly = f"{value.numerator}/{value.denominator}"
    return f"{decimal} (rounded{f'; exactly {exactly}' if len(exactly) <= _MOST_SHOWN else ''})"


class _Walk:
    def __init__(self, source: str) -> None:
        self._source = source

    def value(self, node: ast.expr, depth: int) -> Number:
        if depth > MOST_DEPTH:
            raise InvalidCallError("The expression is nested too deep.")
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.Name(id=name) if name in _CONSTANTS:
                return _CONSTANTS[name]
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                value = self.value(operand, depth + 1)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp():
                return self._chain(node, depth)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return _bounded(_called(name, [self.value(each, depth + 1) for each in args]))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name), args=args, keywords=[]):
                return _bounded(_called(name, [self.value(each, depth + 1) for each in args]))
            case _:
                raise InvalidCallError(self._unknown(node))

    def _chain(self, node: ast.BinOp, depth: int) -> Number:
        """A sum of many is nested as deep as it is long, on its left side; that one is gone down in a loop."""
        steps: list[tuple[Callable[[Number, Number], Number], ast.expr]] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp):
            if (operate := _OPERATORS.get(type(first.op))) is None:
                raise InvalidCallError(self._unknown(first))
            steps.append((operate, first.right))
            first = first.left
        value = self.value(first, depth + 1)
        for operate, right in reversed(steps):
            value = _bounded(operate(value, self.value(right, depth + 1)))
        return value

    def _literal(self, node: ast.Constant) -> Fraction:
        """From the text and not from the float it was read as, so that all its digits count."""
        text = self._source[node.col_offset : node.end_col_offset]
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise InvalidCallError(self._unknown(node))
        if isinstance(node.value, int):
            return _bounded(Fraction(node.value))
        try:
            decimal = Decimal(text.replace("_", ""))
        except InvalidOperation:
            raise InvalidCallError(self._unknown(node)) from None
        if decimal and abs(decimal.adjusted()) > MOST_DIGITS:
            raise ToolError(f"{clean_line(text, 40)} has more than {MOST_DIGITS:,} digits.")
        return Fraction(decimal)

    def _unknown(self, node: ast.expr) -> str:
        part = clean_line(self._source[node.col_offset : node.end_col_offset], 60)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            return "Write powers as **, not as ^."
        return f"{part!r} is nothing that the calculator knows.{_KNOWN}"


def _bounded(value: N) -> N:
    if isinstance(value, Fraction) and _bits(value) > _MOST_BITS:
        raise ToolError(f"The result has more than {MOST_DIGITS:,} digits.")
    return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _number(value: float | int | Fraction) -> Number:
    return value if isinstance(value, float) else Fraction(value)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        power = exponent.numerator
        if base in (1, -1):
            return base ** (power % 2)
        if base and abs(power) * (_bits(base) - 1) > _MOST_BITS:
            raise ToolError(f"The result has more than {MOST_DIGITS:,} digits.")
        return base**power
    return math.pow(base, exponent)


def _floored(left: Number, right: Number) -> Number:
    return _number(left // right)


_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: _floored,
    ast.Mod: lambda left, right: left % right,
    ast.Pow: _power,
}


def _called(name: str, values: list[Number]) -> Number:
    try:
        if name in _WHOLE:
            return _of_whole(name, [_whole(value, name, _WHOLE[name]) for value in values])
        if name in _FLOATS:  # a whole number may be too large for a float, and have a logarithm all the same
            plain = [v.numerator if isinstance(v, Fraction) and v.denominator == 1 else v for v in values]
            return float(getattr(math, name)(*plain))
        if (exact := _exact().get(name)) is not None:
            return exact(*values)
    except TypeError:
        raise ToolError(f"{name} does not take {len(values)} numbers.") from None
    raise InvalidCallError(f"There is no function {clean_line(name, 60)!r}.{_KNOWN}")


def _of_whole(name: str, values: list[int]) -> Number:
    if name != "lcm":
        return Fraction(getattr(math, name)(*values))
    result = Fraction(1)
    for value in values:
        result = Fraction(math.lcm(result.numerator, value))
        _bounded(result)
    return result


def _whole(value: Number, name: str, most: int | None = None) -> int:
    if value != int(value):
        raise ToolError(f"{name} takes whole numbers.")
    if most is not None and abs(value) > most:
        raise ToolError(f"{name} takes numbers up to {most:,}.")
    return int(value)


def _square_root(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
        if root * root == value:
            return root
    return math.sqrt(value)


def _rounded(value: Number, places: Number = 0.0) -> Number:
    return _number(round(value, _whole(places, "round", MOST_DIGITS // 10)))


def _whole_part(cut: Callable[[Number], int]) -> Callable[..., Number]:
    def part(value: Number) -> Number:
        return Fraction(cut(value))

    return part


def _exact() -> dict[str, Callable[..., Number]]:
    most: Any = {"abs": abs, "min": min, "max": max}
    return most | {
        "round": _rounded,
        "floor": _whole_part(math.floor),
        "ceil": _whole_part(math.ceil),
        "trunc": _whole_part(math.trunc),
        "sqrt": _square_root,
    }
