"""calculator: arithmetic, exact as long as it can be, and bounded so that it can neither hang nor fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.arguments import read_arguments, spec_of
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput


class CalculatorArguments(msgspec.Struct):
    """Calculate a number. Whole numbers, decimals and fractions stay exact: 0.1 + 0.2 is 0.3.

    Operators: + - * / // % ** and parentheses. Constants: pi, e, tau. Functions: abs, round, floor, ceil, trunc, min,
    max, sqrt, isqrt, cbrt, exp, log(x, base), log2, log10, sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh,
    degrees, radians, hypot, factorial, comb, perm, gcd, lcm. Angles are in radians.
    """

    expression: Annotated[
        str, msgspec.Meta(max_length=2000, description="What to calculate, such as (3 + 4.5) ** 2 / sqrt(2).")
    ]


class Calculator:
    """The tool."""

    source = "built-in"
    is_pure = True
    timeout_seconds = None

    def __init__(self) -> None:
        self.spec = spec_of("calculator", CalculatorArguments)

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """See `Tool`; nobody is asked, as nothing is touched."""
        expression = read_arguments(CalculatorArguments, arguments).expression

        async def run(tell: TellProgress) -> ToolOutput:
            from chatterm.backend.tools.builtin.arithmetic import calculate

            # the worst takes a second
            return ToolOutput(
                text=await in_daemon_thread(lambda: calculate(expression), "chatterm-calculator")
            )

        return PreparedCall(access=None, run=run)
