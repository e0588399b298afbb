"""The one border: every error becomes a line and a status, and nothing heavy is loaded without need."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm import __version__
from chatterm.cli import app, chat
from chatterm.cli.app import run
from chatterm.cli.crash import write_crash_file
from chatterm.cli.start_options import StartOptions
from chatterm.core.errors import (
    AttachmentError,
    AuthenticationError,
    ChattermError,
    ConfigError,
    InternalError,
    StoreError,
)
from chatterm.tui.first_screen import FirstScreen

CANARY = "sk-canary-0123456789abcdef"


def raising(error: BaseException) -> Callable[[StartOptions, FirstScreen], int]:
    def start(_options: StartOptions, _screen: FirstScreen) -> int:
        raise error

    return start


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("It is wrong.", "Do it right."), 5),
        (StoreError("It is wrong.", "Do it right."), 5),
        (AuthenticationError("It is wrong.", "Do it right."), 4),
        (AttachmentError("It is wrong.", "Do it right."), 2),
        (InternalError("It is wrong.", "Do it right."), 70),
    ],
)
def test_an_error_is_a_line_a_hint_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: ChattermError, status: int
) -> None:
    monkeypatch.setattr(chat, "start", raising(error))
    assert run([]) == status
    assert capfd.readouterr() == ("", "chatterm: It is wrong.\nDo it right.\n")


def test_an_error_is_cleaned_and_holds_no_key(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINE_API_KEY", "plain-canary-key")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "another-canary")
    text = f"\x1b[2J {CANARY} plain-canary-key another-canary"
    monkeypatch.setattr(chat, "start", raising(ChattermError(text)))
    run([])
    assert capfd.readouterr().err == "chatterm: ␛[2J [hidden] [hidden] [hidden]\n"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (BrokenPipeError(32, "x"), 141)])
def test_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    monkeypatch.setattr(chat, "start", raising(error))
    assert run([]) == status
    assert capfd.readouterr() == ("", "")


def test_what_nobody_foresaw_leaves_a_crash_file(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    def start(_options: StartOptions, _screen: FirstScreen) -> int:
        secret_local = "local-canary"
        raise ZeroDivisionError(f"with {CANARY} and {len(secret_local)}")

    monkeypatch.setattr(chat, "start", start)
    assert run([]) == 70
    (path,) = (Path(os.environ["CHATTERM_HOME"]) / "state").iterdir()
    assert capfd.readouterr() == (
        "",
        "chatterm: Something went wrong that was not foreseen (ZeroDivisionError).\n"
        f"Details are in {path}.\n",
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text()
    assert text.startswith(f"chatterm {__version__}, Python ")
    assert "ZeroDivisionError: with [hidden] and 12" in text
    assert __file__ in text
    assert "canary-0123456789" not in text


def test_a_crash_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert write_crash_file(ValueError("x"), tmp_path / "taken/below") is None


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--provdier", "x"], "No such option: --provdier (Possible options: --provider)"),
        (["conifg"], "No such command 'conifg'. Did you mean 'config'?"),
        (["config", "shwo"], "No such command 'shwo'. Did you mean 'show'?"),
        (["config"], "Missing command."),
        (["--model"], "Option '--model' requires an argument."),
        (["config", "set", "x"], "Missing argument"),
        (["config", "path", "x"], "unexpected extra argument"),
        (["-o", "x"], "-o 'x' is not of the form NAME=VALUE"),
        (["stats", "--last", "0"], "Invalid value for '--last' / '-n': '0' is less than 1."),
        (["stats", "--last", "1.5"], "'1.5' is not a whole number."),
        (["stats", "--by", "\x1b[2J"], "Invalid value for '--by': '"),
        (["stats", "--since", "soon"], "--since: 'soon' is no time. Give a date"),
        (
            ["stats", "--file", "/no/such/file"],
            "--file: /no/such/file cannot be read: No such file or directory.",
        ),
        (["batch", "/no/such/file", "-o", "x"], "/no/such/file cannot be read: No such file or directory."),
        (["-c", "--resume", "x"], "exclude each other"),
        (["--system", "@/no/such/file"], "there is no file '/no/such/file'"),
        (["--theme", "\udcff"], "argument 2, '\ufffd', is not UTF-8."),
        (["\x1b[2J"], "No such command"),
    ],
)
def test_wrong_usage(capfd: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    assert run(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    first, hint = err.splitlines()
    assert first.startswith("chatterm: ")
    assert line in first
    assert hint.endswith("--help lists options and commands.")
    assert "\x1b" not in err


def test_the_options_reach_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[StartOptions] = []
    monkeypatch.setattr(chat, "start", lambda options, _screen: seen.append(options) or 3)
    line = "--provider p -m m --base-url u --system s --resume r -o a=1 -o b=x --no-save --theme t"
    assert run(line.split()) == 3
    assert seen == [
        StartOptions(
            provider="p",
            model="m",
            base_url="u",
            system="s",
            resume="r",
            options={"a": 1, "b": "x"},
            save=False,
            theme="t",
        )
    ]
    assert run(["--model", "m", "--continue"]) == 3
    assert seen[1] == StartOptions(model="m", continue_last=True)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["config", "--help"]])
def test_help_is_plain(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Usage: chatterm")
    assert err == ""
    assert out.isascii()


# ---- the real program ----------------------------------------------------------------------


def modules_of(*arguments: str) -> tuple[str, set[str]]:
    """What the program prints with these arguments, and which modules it has loaded at its end."""
    code = (
        "import sys\n"
        "from chatterm.__main__ import main\n"
        "sys.argv[:] = ['chatterm', *sys.argv[1:]]\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    return run.stdout, set(run.stderr.split())


@pytest.mark.parametrize("argument", ["--version", "-V"])
def test_the_version_loads_nothing(argument: str) -> None:
    out, modules = modules_of(argument)
    assert out == f"chatterm {__version__}\n"
    assert not modules & {"typer", "textual", "httpx", "rich", "msgspec", "asyncio", "chatterm.cli"}


def test_the_version_among_other_options() -> None:
    assert modules_of("--no-save", "--version")[0] == f"chatterm {__version__}\n"


def test_help_and_config_load_no_screen_and_no_network() -> None:
    for arguments in (["--help"], ["config", "path"], ["config", "show"]):
        out, modules = modules_of(*arguments)
        assert out
        assert "typer" in modules
        assert not modules & {"textual", "httpx", "httpcore", "rich", "sqlite3"}, arguments


def test_the_version_takes_little_time() -> None:
    """At most 80 ms of CPU; the best of five, as others may use the machine."""
    code = (
        "import resource, subprocess, sys\nsubprocess.run([sys.executable, '-m', 'chatterm', '--version'])\n"
    )
    code += "used = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(used.ru_utime + used.ru_stime)\n"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True)]
    while float(runs[-1].stdout.split()[-1]) > 0.08 and len(runs) < 5:
        runs.append(subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True))
    assert float(runs[-1].stdout.split()[-1]) <= 0.08


def test_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [sys.executable, "-m", "chatterm", "config", "show"],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (app.ExitStatus.CLOSED_PIPE, b"")


def test_a_full_device_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "chatterm", "config", "show"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert run.returncode == 70
    assert run.stderr.startswith(b"chatterm: ")
    assert b"Traceback" not in run.stderr
