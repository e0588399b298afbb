"""Settings: the typed model, the layers it is loaded from, keys and paths."""
