"""Prompts of a wanted length for a load test: words by lot, the same ones for the same seed."""

from __future__ import annotations

import random

from chatterm.backend.token_estimates import text_tokens

TASK = "Write a long text in which these words appear, in this order, and do not stop early:"

WORDS = (
    *("river", "stone", "winter", "market", "letter", "garden", "window", "music", "paper", "silver"),
    *("forest", "island", "bread", "summer", "engine", "mountain", "story", "bridge", "number", "station"),
    *("coffee", "animal", "doctor", "kitchen", "village", "morning", "pocket", "shadow", "ticket", "weather"),
    *("captain", "corner", "finger", "ladder", "mirror", "needle", "orange", "pencil", "rabbit", "saddle"),
    *("tunnel", "valley", "wagon", "yellow", "anchor", "basket", "candle", "desert", "eagle", "feather"),
    *("harbor", "jacket", "lantern"),
)


def load_prompt(seed: int, number: int, tokens: int) -> str:
    """The prompt of request `number`, of about so many tokens. Each begins otherwise, so that no cache knows it."""
    chance = random.Random(f"{seed}:{number}")
    first = f"{chance.getrandbits(32):08x}\n{TASK}"
    each = text_tokens(" ".join(WORDS)) / len(WORDS)
    count = max(1, round((tokens - text_tokens(first)) / each))
    return f"{first} {' '.join(chance.choices(WORDS, k=count))}"
