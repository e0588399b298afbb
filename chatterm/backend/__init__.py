"""The application without a face: providers, network, sessions and the worker."""
