"""Programs that tools start: with few variables, in a sandbox where there is one, ended with all they started."""
