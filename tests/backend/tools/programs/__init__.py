"""Programs that tools start: nothing of them is left, and they cannot do more than they may."""
