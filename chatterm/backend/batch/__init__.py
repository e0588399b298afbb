"""Many prompts of one file, what `chatterm batch` runs: lines, journal, answers, batch interfaces of providers."""
