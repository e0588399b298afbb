"""The first picture."""

from __future__ import annotations

NARROW_COLUMNS = 100
"""Narrower terminals have no sidebar unless it is asked for there."""
SHORT_ROWS = 12
"""Lower terminals show no key hints and no figures."""
TINY_ROWS = 8
"""Lower ones show the conversation and the prompt alone."""
