"""The one table of commands: keys, slash commands, palette, footer and help are all read from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the user can do, with every way to ask for it.

    `id` is stable: settings rebind by it. `keys` are Textual key names. `slash` holds whole words
    such as `/model`; the first is the one shown. `argument` is "" for none, "[name]" for optional, "name"
    for required. `footer` is the short word of the key hints, or "". `scope` tells who listens for the keys:
    the application, or the prompt while it has the focus.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    slash: tuple[str, ...] = ()
    argument: str = ""
    footer: str = ""
    palette: bool = True
    scope: Literal["app", "prompt"] = "app"


COMMANDS: tuple[Command, ...] = (
    Command(
        "send", "Send the prompt", "Sends what is in the prompt.", ("enter",), palette=False, scope="prompt"
    ),
    Command(
        "newline",
        "New line",
        "Starts a new line in the prompt; after a backslash at the end of the line the send key does the same.",
        ("ctrl+j", "alt+enter", "shift+enter"),
        palette=False,
        scope="prompt",
    ),
    Command(
        "stop",
        "Stop the reply",
        "Closes the top box; else stops the reply, whatever it is doing; else clears the selection.",
        ("escape",),
        ("/stop",),
        footer="stop",
    ),
    Command(
        "interrupt",
        "Stop, copy, clear or quit",
        "Stops a running reply; else copies the selection; else clears the prompt; twice on nothing quits.",
        ("ctrl+c",),
        palette=False,
    ),
    Command(
        "model",
        "Choose a model",
        "Opens the list of all models of all providers, or switches to the model named.",
        ("ctrl+l",),
        ("/model",),
        "[name]",
        footer="model",
    ),
    Command(
        "conversations",
        "Conversations",
        "Lists the saved conversations to resume, rename or delete; words filter by title.",
        ("ctrl+s",),
        ("/sessions", "/resume", "/search"),
        "[words]",
        footer="conversations",
    ),
    Command(
        "new",
        "New conversation",
        "Starts an empty conversation; the present one stays saved.",
        ("ctrl+n",),
        ("/new", "/clear"),
    ),
    Command(
        "palette",
        "All commands",
        "Opens the list of commands.",
        ("ctrl+p",),
        footer="commands",
        palette=False,
    ),
    Command(
        "metrics",
        "Show or hide the figures",
        "Shows or hides the sidebar with the figures of the turn.",
        ("f2", "ctrl+b"),
        ("/metrics",),
        footer="metrics",
    ),
    Command(
        "help",
        "Help",
        "Lists the keys, or shows the manual page of a topic.",
        ("f1",),
        ("/help",),
        "[topic]",
        footer="help",
    ),
    Command(
        "editor",
        "Edit the prompt in an editor",
        "Opens the prompt in $VISUAL or $EDITOR.",
        ("ctrl+g",),
        ("/edit",),
    ),
    Command(
        "edit_last",
        "Edit and resend the last prompt",
        "Puts the last prompt back into the composer; sending it replaces the last turn.",
        ("alt+e",),
        ("/edit-last",),
    ),
    Command(
        "regenerate",
        "Regenerate the last reply",
        "Asks again with the last prompt, by another model if one is named.",
        ("alt+r",),
        ("/retry", "/regenerate"),
        "[model]",
    ),
    Command(
        "copy_reply",
        "Copy the last reply",
        "Copies the last reply as Markdown, or the one that many back.",
        ("alt+y",),
        ("/copy",),
        "[n]",
    ),
    Command(
        "copy_code",
        "Copy the code of the last reply",
        "Copies the code blocks of the last reply.",
        ("alt+c",),
        ("/copy-code",),
    ),
    Command(
        "thinking",
        "Show or fold thinking",
        "Shows or folds the reasoning of replies.",
        ("ctrl+t",),
        ("/thinking",),
    ),
    Command(
        "find",
        "Find in the conversation",
        "Finds words in what was said; while they are looked for, goes to the next place.",
        ("f3", "ctrl+shift+f"),
        ("/find",),
        "[words]",
    ),
    Command(
        "attach",
        "Attach a file",
        "Adds a text file or an image to the prompt; @path in the prompt does the same.",
        ("ctrl+f",),
        ("/attach",),
        "[path]",
    ),
    Command(
        "system",
        "System prompt",
        "Shows the system prompt of this conversation, or sets it; /system none takes it away.",
        (),
        ("/system",),
        "[text]",
    ),
    Command(
        "set", "Set a request parameter", "For example /set temperature=0.2", (), ("/set",), "[name=value]"
    ),
    Command(
        "rename",
        "Rename the conversation",
        "Gives the conversation another title.",
        (),
        ("/rename",),
        "[title]",
    ),
    Command(
        "export",
        "Export as Markdown",
        "Writes the conversation to a Markdown file.",
        (),
        ("/export",),
        "[path]",
    ),
    Command(
        "theme", "Theme", "Lists the colour themes, or switches to the one named.", (), ("/theme",), "[name]"
    ),
    Command(
        "history_previous",
        "Previous prompt",
        "At the top of the prompt: the one before; while a message is queued, that one is taken back first.",
        ("up",),
        palette=False,
        scope="prompt",
    ),
    Command(
        "history_next",
        "Next prompt",
        "At the bottom of the prompt: the prompt after.",
        ("down",),
        palette=False,
        scope="prompt",
    ),
    Command("page_up", "Page up", "Scrolls the transcript.", ("pageup",), palette=False),
    Command("page_down", "Page down", "Scrolls the transcript.", ("pagedown",), palette=False),
    Command("line_up", "Line up", "Scrolls the transcript by a line.", ("shift+up",), palette=False),
    Command("line_down", "Line down", "Scrolls the transcript by a line.", ("shift+down",), palette=False),
    Command(
        "top",
        "To the first message",
        "To the beginning of the transcript. Home and End move in the prompt instead while there is text in it.",
        ("ctrl+home", "home"),
        palette=False,
    ),
    Command(
        "bottom",
        "Follow the reply",
        "To the end of the transcript, and stays there.",
        ("ctrl+end", "end"),
        palette=False,
    ),
    Command("notices", "Notices", "Shows the last notices in full.", (), ("/notices",)),
    Command("suspend", "Suspend", "Back to the shell; fg returns.", ("ctrl+z",), palette=False),
    Command(
        "quit_empty",
        "Quit from an empty prompt",
        'In a prompt with text it deletes to the right, or sends where the settings have enter = "newline".',
        ("ctrl+d",),
        palette=False,
        scope="prompt",
    ),
    Command("quit", "Quit", "Saves and leaves; it never asks.", ("ctrl+q",), ("/quit", "/exit", ":q")),
)
