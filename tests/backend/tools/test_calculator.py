"""The calculator: exact where it can be, and bounded whatever it is given."""

from __future__ import annotations

from contextlib import suppress

import pytest

from chatterm.backend.tools.builtin.arithmetic import calculate
from chatterm.backend.tools.builtin.calculator import Calculator
from chatterm.core.errors import InvalidCallError, ToolError
from tests.cpu_time import within

VALUES = (
    ("0.1 + 0.2", "0.3"),
    ("2.675 * 100", "267.5"),
    ("1/3", "0.3333333333333333333333333333 (rounded; exactly 1/3)"),
    ("1/3 + 1/6", "0.5"),
    ("-1/8", "-0.125"),
    ("2 ** 100", "1267650600228229401496703205376"),
    ("2 ** -2", "0.25"),
    ("(-1) ** 1000000001", "-1"),
    ("0 ** 0", "1"),
    ("7 // 2", "3"),
    ("-7 // 2", "-4"),
    ("-7 % 3", "2"),
    ("1.5 // 0.2", "7"),
    ("+-+3", "-3"),
    ("2 ** 3 ** 2", "512"),
    ("sqrt(16)", "4"),
    ("sqrt(2.25)", "1.5"),
    ("sqrt(2)", "1.4142135623730951"),
    ("4 ** 0.5", "2"),
    ("math.sin(0)", "0"),
    ("log(8, 2)", "3"),
    ("log10(10 ** 3000)", "3000"),
    ("round(2.675, 2)", "2.68"),
    ("round(2.5)", "2"),
    ("round(pi, 3)", "3.142"),
    ("floor(-0.5) + ceil(0.5) + trunc(-1.5)", "-1"),
    ("min(1, 2.5, pi) + max(1, 2)", "3"),
    ("factorial(20)", "2432902008176640000"),
    ("comb(50, 3) + perm(5, 2)", "19620"),
    ("gcd(12, 18) + lcm(4, 6)", "18"),
    ("hypot(3, 4)", "5"),
    ("1_000.5 * 2", "2001"),
    ("0xff + 0b11 + 0o7", "265"),
    ("1e20 + 0.5", "100000000000000000000.5"),
    ("1e-400 * 1e400", "1"),
    ("100 * 1.05 ** 10", "162.889462677744140625"),
    ("abs(-2.5)", "2.5"),
    ("  (1 +\n 2)  ", "3"),
    ("+".join(["1"] * 1000), "1000"),
)

REFUSED = (
    *(
        "",
        " ",
        "x",
        "1 +",
        "5%",
        "2^3",
        "1,000",
        "1 == 1",
        "1 if 1 else 2",
        "1if 1 else 2",
        "1 and 2",
        "1j",
        "True",
        "None",
    ),
    *("'a' * 9", '"a"', "[1]", "(1, 2)", "{1}", "lambda: 1", "f'1'", "...", "~1", "1 << 9", "1 @ 2", "not 1"),
    *(
        "__import__('os')",
        "open(1)",
        "eval(1)",
        "pow(2, 3)",
        "().__class__",
        "(1).real",
        "math.pi",
        "os.system(1)",
    ),
    *(
        "sqrt(x=1)",
        "min(*1)",
        "sqrt",
        "pi(1)",
        "sum(i for i in 1)",
        "(x := 1)",
        "1; 2",
        "１",
        "1\x00",
        "#",
        "007",
    ),
)

TOO_MUCH = (
    *(
        "9 ** 9 ** 9",
        "10 ** 4001",
        "2 ** -99999",
        "(1/3) ** 99999",
        "1e99999999",
        "1e-99999999",
        "factorial(10 ** 9)",
    ),
    *(
        "comb(10 ** 9, 5)",
        "perm(10 ** 9, 9)",
        "(10 ** 3000) * (10 ** 3000)",
        "exp(1000)",
        "1e308 * pi * 10",
        "sin(10 ** 400)",
    ),
    *(
        "round(1, 10 ** 9)",
        "lcm(" + ",".join(f"7 ** 4000 + {n}" for n in range(9)) + ")",
        "cosh(1e5)",
    ),
)

WRONG = (
    *(
        "1 / 0",
        "1 // 0",
        "1 % 0",
        "0 ** -1",
        "sqrt(-1)",
        "log(0)",
        "log(-1)",
        "acos(2)",
        "factorial(-1)",
        "factorial(1.5)",
    ),
    *("gcd(1.5, 2)", "isqrt(-1)", "(-8) ** (1/3)", "min()", "sqrt(1, 2)", "round()", "atan2(1)", "1.5 % 0.0"),
)


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_values(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_no_expression_of_numbers_is_refused(expression: str) -> None:
    with pytest.raises(InvalidCallError) as caught:
        calculate(expression)
    assert len(str(caught.value)) <= 500 and str(caught.value).isprintable()


@pytest.mark.parametrize("expression", [*TOO_MUCH, *WRONG])
def test_what_has_no_value_or_too_large_a_one_is_told(expression: str) -> None:
    with pytest.raises(ToolError) as caught:
        calculate(expression)
    assert not isinstance(caught.value, InvalidCallError) and len(str(caught.value)) <= 500


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 900 + "1" + ")" * 900,
        "-" * 1900 + "1",
        "abs(" * 400 + "1" + ")" * 400,
        "1" * 2001,
        "2**" * 600 + "2",
    ],
)
def test_what_is_nested_too_deep_or_too_long_is_told(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(f"1/{n}" for n in range(2, 350)),
        "lcm(" + ",".join(f"7**{4000 - n}" for n in range(190)) + ")",
        "%".join(f"7**{4700 - n}" for n in range(240)),
        "+".join(f"3**{4000 - n}/7**{4000 - n}" for n in range(100)),
        "+".join(["factorial(1400)"] * 120),
    ],
)
def test_the_worst_takes_no_longer_than_a_moment(expression: str) -> None:
    def work() -> None:
        with suppress(ToolError):
            calculate(expression)

    assert within(2.0, work) is None


async def test_the_tool() -> None:
    tool = Calculator()
    assert tool.spec.parameters["required"] == ["expression"] and tool.is_pure
    call = await tool.prepare({"expression": "6 * 7"})
    assert call.access is None and (await call.run(lambda _: None)).text == "42"
    for wrong in ({}, {"expression": 1}, {"expression": "1", "x": 1}, {"expression": "1" * 2001}):
        with pytest.raises(InvalidCallError):
            await tool.prepare(wrong)
