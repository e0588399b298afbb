"""Amounts of money as text."""

from __future__ import annotations


def dollars_text(dollars: float, *, is_estimate: bool = False) -> str:
    """An amount with as many digits as tell something: `$12.30`, `$0.0042`; `~$0.0042` where it is an estimate."""
    sign = "~" if is_estimate else ""
    if dollars >= 0.0995 or dollars == 0:  # what is rounded to ten cents is among them
        return f"{sign}${dollars:,.2f}"
    return f"{sign}${dollars:.2g}" if dollars >= 1e-4 else f"{sign}<$0.0001"
