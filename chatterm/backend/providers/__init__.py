"""Wire formats without I/O: values in, bytes out; frames in, stream events out."""
