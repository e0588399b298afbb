"""Palettes as Textual themes."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from chatterm.config.themes import Palette

if TYPE_CHECKING:
    from textual.theme import Theme

CUSTOM_ROLES = (
    *("user", "dim", "code_foreground", "code_background", "heading", "link", "quote", "selection"),
    *("border", "cursor_line", "keyword", "string", "number", "comment", "function", "type"),
)
"""Fields of a palette that style sheets use as `$chatterm-NAME`, with hyphens for underscores."""


def textual_theme(palette: Palette) -> Theme:
    """The palette as a theme to register; what Textual does not know of is a `$chatterm-...` variable."""
    from textual.theme import Theme

    variables = {f"chatterm-{role.replace('_', '-')}": palette.colour(role) for role in CUSTOM_ROLES}
    variables |= {
        "border": palette.accent,
        "border-blurred": palette.border,
        "input-selection-background": palette.selection,
        "input-selection-foreground": palette.foreground,
        "screen-selection-background": palette.selection,
        "block-cursor-background": palette.selection,
        "block-cursor-foreground": palette.foreground,
        "block-cursor-text-style": "none",
        "scrollbar": palette.border,
        "scrollbar-hover": palette.dim,
        "scrollbar-active": palette.accent,
        "scrollbar-background": palette.background,
        "scrollbar-background-hover": palette.background,
        "scrollbar-background-active": palette.background,
        "scrollbar-corner-color": palette.background,
    }
    return Theme(
        name=palette.name,
        dark=palette.dark,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        foreground=palette.foreground,
        primary=palette.primary,
        secondary=palette.secondary,
        accent=palette.accent,
        success=palette.success,
        warning=palette.warning,
        error=palette.error,
        variables=variables,
    )


def variable_defaults(palette: Palette) -> dict[str, str]:
    """The `$chatterm-...` variables, for `App.get_theme_variable_defaults`: style sheets are then valid under
    themes that are not ours."""
    theme = textual_theme(palette)
    return {name: value for name, value in theme.variables.items() if name.startswith("chatterm-")}


def settle_no_color(environ: MutableMapping[str, str]) -> bool:
    """Whether colours are unwanted: NO_COLOR is set and not empty (no-color.org).

    Textual draws without colours whenever the variable exists, so an empty one is removed. To be called
    before the application is made.
    """
    if not environ.get("NO_COLOR"):
        environ.pop("NO_COLOR", None)
        return False
    return True
