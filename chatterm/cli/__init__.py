"""The command line, one file per command, and the wiring of the object graph."""
