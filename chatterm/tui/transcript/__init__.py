"""The conversation pane: one line-oriented widget over layers that know nothing of Textual."""
