"""The parts of the screen, one idea each."""
