"""The way to a provider and back: the only package that knows the HTTP client. Importing it is cheap."""
