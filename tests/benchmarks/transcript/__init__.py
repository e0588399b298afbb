"""What the conversation pane costs, next to Textual's own Markdown widgets; see `__main__`."""
