"""Stand-ins for what chatterm talks to."""
