"""chatterm: a terminal chat program for local and hosted models."""

__version__ = "0.1.0"
