"""Requests and responses as they went over the wire: watched, kept, shown, written down, read again."""
