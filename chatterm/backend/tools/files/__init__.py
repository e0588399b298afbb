"""Files below one folder: reached without a way out of it, searched, changed with a way back."""
