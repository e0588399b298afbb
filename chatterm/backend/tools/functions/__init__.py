"""The user's own functions as tools."""
