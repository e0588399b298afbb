from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatterm.cli.app import run

CANARY = "sk-canary-0123456789abcdef"


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


Chatterm = Callable[..., Result]


@pytest.fixture
def chatterm(capfd: pytest.CaptureFixture[str]) -> Chatterm:
    """Runs one command line in this process."""

    def run_line(*arguments: str) -> Result:
        status = run(arguments)
        return Result(status, *capfd.readouterr())

    return run_line


@pytest.fixture
def file() -> Path:
    """The settings file of the test's user; it does not exist yet."""
    folder = Path(os.environ["CHATTERM_HOME"])
    folder.mkdir()
    return folder / "config.toml"


# ---- path, show ----------------------------------------------------------------------------


def test_path(chatterm: Chatterm, file: Path) -> None:
    assert chatterm("config", "path") == Result(0, f"{file}\n", "")


def test_show_gives_values_and_sources(
    chatterm: Chatterm, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('model = "m"\n[interface]\nreading_width = 80')
    monkeypatch.setenv("CHATTERM_THEME", "moss")
    result = chatterm("--no-save", "config", "show")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"# {file}\n")
    assert 'model = "m"  # settings file\n' in result.out
    assert 'theme = "moss"  # environment CHATTERM_THEME\n' in result.out
    assert "save = false  # command line\n" in result.out
    assert tomllib.loads(result.out)["interface"]["reading_width"] == 80


def test_show_without_a_file(chatterm: Chatterm) -> None:
    result = chatterm("config", "show")
    assert result.status == 0
    assert "(there is no such file)" in result.out


def test_show_tells_where_a_key_was_found_and_how_it_ends(
    chatterm: Chatterm, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        '[providers.office]\nbase_url = "https://h"\napi_key_env = "WORK"\n'
        '[providers.groq]\nkey_cmd = ["false"]\n'
    )
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("WORK", "another-canary-9876")
    monkeypatch.setenv("MISTRAL_API_KEY", "canary with blanks")
    result = chatterm("config", "show")
    assert "# openai: key from environment OPENAI_API_KEY, ends in cdef\n" in result.out
    assert "# office: key from environment WORK, ends in 9876\n" in result.out
    assert "# groq: key_cmd is asked for the key" in result.out
    assert "# mistral: The key from environment MISTRAL_API_KEY cannot be used: it has a blank" in result.out
    assert "canary" not in result.out + result.err


# ---- check ---------------------------------------------------------------------------------


def test_check_of_good_settings(chatterm: Chatterm, file: Path) -> None:
    file.write_text('[interface]\ntheme = "moss"\n[keys]\nstop = "f9"\n')
    assert chatterm("config", "check") == Result(0, f"{file}: no mistakes.\n", "")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a = = 1", "config.toml:1:5: Invalid value"),
        ("[interface]\nreading_width = 3", "interface.reading_width is 3; allowed is a whole number from"),
        ("[interface]\nthem = 'x'", "Did you mean interface.theme?"),
        ("[interface]\ntheme = 'mos'", "There is no theme 'mos'.\n  Did you mean moss?"),
        ("provider = 'opnai'", "There is no provider called 'opnai'.\n  Did you mean openai?"),
        ("[providers.mine]\nmodel = 'x'", "There is no provider called 'mine'."),
        ("[providers.openai]\nadapter = 'opnai_chat'", "adapter is 'opnai_chat', which is no wire format."),
        ("[providers.openai]\nadapter = 'openrouter'", "openrouter is a service that speaks openai_chat."),
        ("[keys]\nstpo = 'f9'", "Did you mean stop?"),
        ("[providers.x]\nbase_url = 'ftp://h'", "providers.x.base_url cannot be used: its scheme is ftp:"),
    ],
)
def test_check_names_every_kind_of_mistake(chatterm: Chatterm, file: Path, text: str, named: str) -> None:
    file.write_text(text)
    result = chatterm("config", "check")
    assert (result.status, result.out) == (5, "")
    assert named in result.err
    assert file.read_text() == text


def test_check_names_all_mistakes_at_once(
    chatterm: Chatterm, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('save = 1\nmodell = "x"\n[interface]\ntheme = "mos"\n')
    (file.parent / "themes").mkdir()
    (file.parent / "themes/mine.toml").write_text('accent = "red"')
    monkeypatch.setenv("OPENAI_API_KEY", "two words")
    result = chatterm("config", "check")
    assert result.status == 5
    for named in ("save is 1", "modell is an unknown", "'mos'", "accent is 'red'", "OPENAI_API_KEY"):
        assert named in result.err


# ---- init, set -----------------------------------------------------------------------------


def test_init_writes_a_file_that_changes_nothing(chatterm: Chatterm, file: Path) -> None:
    assert chatterm("config", "init") == Result(
        0, f"Wrote {file}; every setting in it is still at its default.\n", ""
    )
    assert file.read_text() == (Path(__file__).parents[2] / "config.example.toml").read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert chatterm("config", "check").status == 0


def test_init_makes_the_folder(chatterm: Chatterm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "a/b"))
    assert chatterm("config", "init").status == 0
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700


def test_init_leaves_a_file_alone(chatterm: Chatterm, file: Path) -> None:
    file.write_text("# mine")
    result = chatterm("config", "init")
    assert result.status == 5
    assert f"{file} is already there; nothing was written." in result.err
    assert file.read_text() == "# mine"


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("provider", "ollama", "ollama"),
        ("model", "123", "123"),
        ("system", 'say "yes"', 'say "yes"'),
        ("save", "false", False),
        ("interface.reading_width", "80", 80),
        ("network.connect_seconds", "2.5", 2.5),
        ("network.connect_seconds", "3", 3.0),
        ("interface.enter", "newline", "newline"),
        ("providers.openai.key_cmd", '["pass", "show"]', ["pass", "show"]),
        ("providers.ollama.options.num_ctx", "8192", 8192),
        ("providers.ollama.options.think", "true", True),
        ("providers.ollama.options.think", "high", "high"),
        ("providers.openai.headers.X-Title", "me", "me"),
        ('providers.openai.headers."X-Title"', "me", "me"),
        ("providers.openai.base_url", "https://proxy.example/v1", "https://proxy.example/v1"),
        ("keys.stop", "f9", "f9"),
    ],
)
def test_set_writes_the_value_with_its_type(
    chatterm: Chatterm, file: Path, key: str, value: str, stored: object
) -> None:
    result = chatterm("config", "set", key, value)
    assert (result.status, result.err) == (0, "")
    node: object = tomllib.loads(file.read_text())
    for part in key.replace('"', "").split("."):
        assert isinstance(node, dict)
        node = node[part]
    assert node == stored
    assert type(node) is type(stored)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_set_keeps_the_other_values_even_unknown_ones(chatterm: Chatterm, file: Path) -> None:
    before = "# a comment\nfuture = 1\nsave = 3\n[interface]\nreading_width = 80\n[new]\nx = 1979-05-27\n"
    file.write_text(before)
    result = chatterm("config", "set", "interface.theme", "moss")
    after = tomllib.loads(file.read_text())
    expected = tomllib.loads(before)
    expected["interface"]["theme"] = "moss"
    assert after == expected
    backup = file.with_name("config.toml.bak")
    assert result.out == (
        f'interface.theme = "moss"\nComments in the settings file are gone; the file as it was is {backup}.\n'
    )
    assert backup.read_text() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_a_second_set_keeps_the_backup_with_the_comments(chatterm: Chatterm, file: Path) -> None:
    file.write_text("# a comment\nsave = true\n")
    chatterm("config", "set", "save", "false")
    assert chatterm("config", "set", "model", "x").out == 'model = "x"\n'
    assert file.with_name("config.toml.bak").read_text() == "# a comment\nsave = true\n"


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("interface.them", "x", "Did you mean interface.theme?"),
        ("interface", "x", "it is a section, [interface]"),
        ("interface.reading_width", "wide", 'the value is "wide"; allowed is a whole number from 20 to 1000'),
        ("interface.reading_width", "5", "allowed is a whole number from 20 to 1000"),
        ("network.connect_seconds", "nan", "allowed is a number from 0.1 to 86400"),
        ("save", "maybe", "allowed is true or false"),
        ("model", "", "allowed is a text in ASCII, not empty"),
        ("providers.openai.key_cmd", "pass show", "a list of words"),
        ("providers.openai.base_url", "http://10.0.0.1", "allow_insecure true"),
        ("providers.openai.base_url", f"https://{CANARY}@h", "a user name or a password"),
        ("providers.openai.api_key", CANARY, "Did you mean providers.openai.api_key_env?"),
        ("providers.openai.api_key_env", CANARY, "allowed is the name of an environment variable"),
        ("providers.Open AI.model", "x", "is not a key"),
        ('providers."Open AI".model', "x", "a name made of a-z"),
        ("a b", "x", "'a b' is not a key"),
        ("", "x", "is not a key"),
        ("#", "x", "is not a key"),
        ("a = 1\nb", "x", "is not a key"),
        ("a." * 5000 + "a", "x", "is an unknown setting"),
    ],
)
def test_set_refuses_and_writes_nothing(
    chatterm: Chatterm, file: Path, key: str, value: str, named: str
) -> None:
    result = chatterm("config", "set", key, value)
    assert (result.status, result.out) == (5, "")
    assert named in result.err
    assert "canary" not in result.err
    assert not file.exists()


@pytest.mark.parametrize("text", ["a = = 1", '"x', "interface = 3"])
def test_set_never_rewrites_a_file_with_an_error(chatterm: Chatterm, file: Path, text: str) -> None:
    file.write_text(text)
    assert chatterm("config", "set", "interface.theme", "moss").status == 5
    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


def test_set_in_a_folder_that_cannot_be_made(
    chatterm: Chatterm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "taken/below"))
    result = chatterm("config", "set", "model", "x")
    assert result.status == 5
    assert "cannot be" in result.err


# ---- secrets -------------------------------------------------------------------------------


def test_no_config_command_prints_a_key(
    chatterm: Chatterm, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "MINE_API_KEY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("MISTRAL_API_KEY", f"{CANARY}\nX: y")
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://me:{CANARY}@host/v1")
    monkeypatch.setenv("CHATTERM_MODEL", CANARY)
    file.write_text(f"""
        model = "{CANARY}"
        api_key = "{CANARY}"
        system = ["{CANARY}"]
        [providers.mine]
        base_url = "https://host/v1?key={CANARY}"
        api_key_env = "{CANARY}"
        api_key = "{CANARY}"
        key_cmd = "echo {CANARY}"
        headers = {{ Authorization = "Bearer {CANARY}" }}
        options = {{ token = "{CANARY}", x = "{CANARY}" }}
        [providers.other]
        key_cmd = ["echo", "{CANARY}"]
        headers = {{ X = "{CANARY}\\n" }}
    """)
    lines = [
        *(["path"], ["show"], ["check"], ["init"]),
        ["set", "providers.mine.headers.X-Key", CANARY],
        ["set", "providers.mine.key_cmd", f'["echo", "{CANARY}"]'],
        ["set", "providers.mine.api_key", CANARY],
        ["set", CANARY, CANARY],
        ["set", "model", CANARY],
    ]
    for line in lines:
        result = chatterm("config", *line)
        assert result.status in (0, 5)
        assert "canary" not in result.out, line
        assert "canary" not in result.err, line
    file.write_text(f"x = {CANARY}")
    for line in lines:
        result = chatterm("config", *line)
        assert "canary" not in result.out + result.err, line


def test_servers_of_other_programs_are_taken_over_without_showing_secrets(
    chatterm: Chatterm, file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "other.json"
    entry = {"command": "npx", "args": ["--key", CANARY], "env": {"OWN": CANARY, "MY_TOKEN": CANARY}}
    source.write_text(
        json.dumps({"mcpServers": {"git hub": entry, "bad": {"url": f"http://far.example/{CANARY}"}}})
    )
    first = chatterm("config", "import-mcp", str(source))
    assert first.status == 0
    assert first.out == "mcp.git-hub: npx and 2 arguments, with OWN, MY_TOKEN\n"
    assert "git hub is called git-hub here" in first.err
    assert "bad was left out" in first.err
    assert tomllib.loads(file.read_text())["mcp"]["git-hub"]["env"]["OWN"] == CANARY
    assert "is there already and was kept" in chatterm("config", "import-mcp", str(source)).out
    assert "mcp.git-hub: npx" in chatterm("config", "import-mcp", str(source), "--replace").out
    shown = chatterm("config", "show").out
    assert "env" in shown and "OWN" in shown
    for result in (first, chatterm("config", "import-mcp", str(tmp_path / "none"))):
        assert CANARY not in result.out + result.err
    assert f'OWN = "{CANARY}"' not in shown
    source.write_text('{"mcpServers": {"bad": {}}}')
    assert chatterm("config", "import-mcp", str(source)).status == 5


# ---- the real program ----------------------------------------------------------------------


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "chatterm", *arguments],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_output_is_utf_8_whatever_the_locale(file: Path) -> None:
    file.write_text('system = "grüße 😀"')
    run = program("config", "show", LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert 'system = "grüße 😀"'.encode() in run.stdout
    assert run.returncode == 0
