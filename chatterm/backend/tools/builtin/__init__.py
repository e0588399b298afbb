"""The tools that chatterm brings along; none is on before the user turns it on."""
