"""Tools that models may call: what a tool is, how calls are allowed, run and bounded."""
