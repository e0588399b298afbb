"""The model for a turn, chosen by rules."""
