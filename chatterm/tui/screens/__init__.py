"""The screens of the front end."""
