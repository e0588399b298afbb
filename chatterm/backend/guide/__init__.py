"""The built-in guide: a provider inside the process that answers from the manual."""
