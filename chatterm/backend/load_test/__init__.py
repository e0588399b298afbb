"""Load tests of models, what `chatterm bench` runs: plan, lanes, pacing, figures, goals."""
