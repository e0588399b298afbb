from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm.config.load import Loaded, load_settings
from chatterm.config.model import (
    InterfaceSettings,
    NetworkSettings,
    ProviderSettings,
    RoutingRule,
    RoutingSettings,
    Settings,
)
from chatterm.core.errors import ConfigError

Load = Callable[..., Loaded]


def only_problem(loaded: Loaded) -> ConfigError:
    (problem,) = loaded.problems
    assert problem.hint
    return problem


# ---- layers --------------------------------------------------------------------------------


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path / "absent/config.toml", {})
    assert loaded.settings == Settings()
    assert (loaded.problems, loaded.sources, loaded.refused) == ((), {}, {})


def test_an_empty_file_is_the_defaults(load: Load) -> None:
    assert load("").settings == Settings()
    assert load("[interface]\n[providers.ollama]\n").settings == Settings()


def test_values_of_every_kind_arrive(load: Load) -> None:
    loaded = load("""
        provider = "ollama"
        save = false
        [interface]
        theme = "moss"
        reading_width = 80
        [network]
        connect_seconds = 3
        [providers.ollama]
        options = { num_ctx = 8192, think = true, stop = ["a", "b"], nested = { x = 0.5 } }
        [providers.my-box]
        base_url = "https://box.example:8443/v1"
        key_cmd = ["pass", "show", "box"]
        headers = { X-Title = "me and you" }
        [keys]
        stop = "ctrl+x"
    """)
    assert loaded.problems == ()
    assert loaded.settings == Settings(
        provider="ollama",
        save=False,
        interface=InterfaceSettings(theme="moss", reading_width=80),
        network=NetworkSettings(connect_seconds=3.0),
        providers={
            "ollama": ProviderSettings(
                options={"num_ctx": 8192, "think": True, "stop": ["a", "b"], "nested": {"x": 0.5}}
            ),
            "my-box": ProviderSettings(
                base_url="https://box.example:8443/v1",
                key_cmd=("pass", "show", "box"),
                headers={"X-Title": "me and you"},
            ),
        },
        keys={"stop": "ctrl+x"},
    )
    assert loaded.sources["providers.my-box.base_url"] == "settings file"


def test_later_layers_win(load: Load) -> None:
    text = 'provider = "one"\nmodel = "one"\n[interface]\ntheme = "one"\nreading_width = 80'
    environ = {"CHATTERM_PROVIDER": "two", "CHATTERM_MODEL": "two", "CHATTERM_THEME": ""}
    loaded = load(text, environ, {("model",): "three", ("save",): False})
    settings = loaded.settings
    assert (settings.interface.theme, settings.provider, settings.model, settings.save) == (
        *("one", "two", "three"),
        False,
    )
    assert settings.interface.reading_width == 80
    assert loaded.sources == {
        "interface.theme": "settings file",
        "interface.reading_width": "settings file",
        "provider": "environment CHATTERM_PROVIDER",
        "model": "command line",
        "save": "command line",
    }


def test_the_environment_sets_the_pool_and_addresses(load: Load) -> None:
    settings = load(
        "",
        {
            "CHATTERM_HTTP_POOL_MAXSIZE": "7",
            "CHATTERM_HTTP_POOL_CONNECTIONS": " 3 ",
            "OLLAMA_HOST": "0.0.0.0:9999",
            "OPENAI_BASE_URL": "https://proxy.example/v1",
            "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/",
            "CLOUDFLARE_ACCOUNT_ID": "abc/1",
            "CHATTERM_THEME": "moss",
        },
    ).settings
    assert (settings.network.pool_maxsize, settings.network.pool_connections) == (7, 3)
    assert settings.providers["ollama"].base_url == "http://127.0.0.1:9999"
    assert settings.providers["openai"].base_url == "https://proxy.example/v1"
    assert settings.providers["azure"].base_url == "https://r.openai.azure.com/"
    assert settings.providers["cloudflare"].base_url == (
        "https://api.cloudflare.com/client/v4/accounts/abc%2F1/ai/v1"
    )
    assert settings.interface.theme == "moss"


def test_a_bad_variable_lets_the_file_show_through(load: Load) -> None:
    loaded = load("[network]\npool_maxsize = 9", {"CHATTERM_HTTP_POOL_MAXSIZE": "many"})
    assert loaded.settings.network.pool_maxsize == 9
    problem = only_problem(loaded)
    assert problem.message == (
        'network.pool_maxsize is "many"; allowed is a whole number from 1 to 10000'
        " (environment CHATTERM_HTTP_POOL_MAXSIZE)."
    )
    assert "variable" in problem.hint


def test_a_bad_override_raises(load: Load) -> None:
    with pytest.raises(ConfigError, match="provider is"):
        load("", {}, {("provider",): "No Such"})
    with pytest.raises(ConfigError, match="base_url cannot be used"):
        load("", {}, {("providers", "openai", "base_url"): "ftp://x"})


# ---- what lies at the path -----------------------------------------------------------------


def test_a_model_goes_with_its_provider(load: Load) -> None:
    text = 'provider = "one"\nmodel = "ones-model"\n'
    asked = {("provider",): "two"}
    assert load(text, {}, asked).settings.model is None
    assert "model" not in load(text, {}, asked).sources
    assert load(text, {"CHATTERM_PROVIDER": "two"}).settings.model is None
    assert load(text, {}, {("provider",): "one"}).settings.model == "ones-model"
    assert load(text, {}, {**asked, ("model",): "m"}).settings.model == "m"
    assert load(text, {"CHATTERM_PROVIDER": "two", "CHATTERM_MODEL": "m"}).settings.model == "m"
    assert load('model = "any"\n', {}, asked).settings.model == "any"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'a = "x"\nb = = 2\n', ":2:5: Invalid value"),
        (b"a = 1\na = 2\n", ":2:6: Cannot overwrite a value"),
        (b'a = "x', ":1:7: Unterminated string"),
        (b"ok = true\nx = \xff\n", ":2:5: byte 0xff is not UTF-8"),
        ('provider = "x"'.encode("utf-16"), ":1:1: byte 0xff is not UTF-8"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, ":1:1: values are nested too deep"),
        (b"x = " + b"9" * 5000, ":1:1: Exceeds the limit"),
        (b'x = "\x00"', ":1:6: Illegal character"),
        (b'x = "\\ud83d"', "Escaped character is not a Unicode scalar value"),
    ],
)
def test_a_file_that_is_no_toml(load: Load, tmp_path: Path, data: bytes, reason: str) -> None:
    loaded = load(data)
    problem = only_problem(loaded)
    assert problem.message.startswith(str(tmp_path / "config.toml"))
    assert reason in problem.message
    assert (problem.path, problem.key) == (str(tmp_path / "config.toml"), "")
    assert loaded.settings == Settings()
    assert (tmp_path / "config.toml").read_bytes() == data


def test_a_byte_order_mark_is_skipped(load: Load) -> None:
    assert load(b'\xef\xbb\xbfprovider = "ollama"').settings.provider == "ollama"


def test_ten_megabytes_are_not_read(load: Load) -> None:
    assert "has 10,000,000 bytes" in only_problem(load(b"#" * 10_000_000)).message


def _socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        os.chdir(path.parent)
        sock.bind(path.name)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "cannot be read (is a directory)"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be read (too many levels"),
        (_socket_at, "cannot be read (no such device"),
    ],
    ids=["folder", "pipe", "device", "loop", "socket"],
)
def test_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.toml"
    make(path)
    loaded = load_settings(path, {})
    assert reason in only_problem(loaded).message
    assert loaded.settings == Settings()


@pytest.mark.skipif(os.getuid() == 0, reason="root can read every file")
def test_a_file_without_permission(load: Load, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "config.toml").chmod(0)
    assert "permission denied" in only_problem(load_settings(tmp_path / "config.toml", {})).message


def test_a_file_that_others_can_write_to_names_no_commands(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('model = "x"\n[providers.openai]\nkey_cmd = ["evil"]')
    path.chmod(0o666)
    loaded = load_settings(path, {})
    assert loaded.settings.model == "x"
    assert loaded.settings.providers == {}
    problem = only_problem(loaded)
    assert problem.key == "providers.openai.key_cmd"
    assert problem.hint == f"Run: chmod o-w {path}"
    path.chmod(0o644)
    assert load_settings(path, {}).settings.providers["openai"].key_cmd == ("evil",)


def test_neither_does_it_name_servers_to_start_or_code_to_load(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[tools]\nmodules = ["evil.py"]\nworkers = 2\n[mcp.evil]\ncommand = ["evil"]')
    path.chmod(0o666)
    loaded = load_settings(path, {})
    assert [problem.key for problem in loaded.problems] == ["tools.modules", "mcp.evil.command"]
    assert (loaded.settings.tools.modules, loaded.settings.tools.workers) == ((), 2)
    assert all(not server.command for server in loaded.settings.mcp.values())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_names_no_commands(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[providers.openai]\nkey_cmd = ["evil"]')
    os.chown(path, 12345, 12345)
    assert only_problem(load_settings(path, {})).key == "providers.openai.key_cmd"
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH == 0


# ---- values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("save = 1", "save", "save is 1; allowed is true or false"),
        ('save = "no"', "save", 'save is "no"; allowed is true or false'),
        ("model = 3", "model", "model is 3; allowed is a text in ASCII, not empty"),
        ('model = ""', "model", 'model is ""; allowed is a text'),
        ('model = "\\u001b]0;x"', "model", 'model is "\\u001b]0;x"; allowed is'),
        ("model = 1979-05-27", "model", "model is a date or time; allowed is"),
        ("model = ['x']", "model", "model is a list of 1; allowed is"),
        ("model = { x = 1 }", "model", "model is a section; allowed is"),
        ("interface = 3", "interface", "interface is 3; it is a section, [interface]"),
        ("providers.ollama = 'x'", "providers.ollama", "it is a section, [providers.ollama]"),
        ("interface.theme = true", "interface.theme", "interface.theme is true; allowed is"),
        (
            "interface.reading_width = -3",
            "interface.reading_width",
            "is -3; allowed is a whole number from 20 to 1000",
        ),
        ("interface.reading_width = 80.5", "interface.reading_width", "is 80.5; allowed is a whole number"),
        (
            f"interface.reading_width = 0x{'f' * 9000}",
            "interface.reading_width",
            "is a number of hundreds of",
        ),
        ('interface.enter = "sned"', "interface.enter", 'is "sned"; allowed is "send" or "newline"'),
        (
            "network.connect_seconds = nan",
            "network.connect_seconds",
            "is nan; allowed is a number from 0.1 to 86400",
        ),
        ("network.connect_seconds = -1", "network.connect_seconds", "is -1; allowed is a number"),
        ("network.connect_seconds = 0", "network.connect_seconds", "is 0; allowed is a number"),
        ("network.connect_seconds = inf", "network.connect_seconds", "is inf; allowed is a number"),
        ("network.connect_seconds = 1e400", "network.connect_seconds", "is inf; allowed is a number"),
        ("network.connect_seconds = true", "network.connect_seconds", "is true; allowed is a number"),
        ("network.pool_maxsize = 0", "network.pool_maxsize", "allowed is a whole number from 1 to 10000"),
        ("network.pool_maxsize = 99999999999999999999", "network.pool_maxsize", "allowed is a whole number"),
        ("providers.x.connect_seconds = 'x'", "providers.x.connect_seconds", "allowed is a number from 0.1"),
        (
            "providers.x.api_key_env = 'sk-canary0123456789'",
            "providers.x.api_key_env",
            "is hidden here, as it may be a secret; allowed is the name of an environment variable",
        ),
        (
            "providers.x.key_cmd = 'pass show canary'",
            "providers.x.key_cmd",
            'allowed is a list of words such as ["one", "two"]',
        ),
        (
            'providers.x.fallback = ["a", "b", "c", "d"]',
            "providers.x.fallback",
            "is a list of 4; allowed is a list of up to three models",
        ),
        (
            'providers.x.headers = { A = "x\\ncanary: y" }',
            "providers.x.headers.A",
            "allowed is a text in ASCII",
        ),
        ("providers.x.headers = { 'A b' = 'x' }", 'providers.x.headers."A b"', "the name of an HTTP header"),
        (
            "providers.x.options = { a = nan }",
            "providers.x.options.a",
            "is nan; allowed is text, true or false",
        ),
        (
            "providers.x.options = { a = 1979-05-27 }",
            "providers.x.options.a",
            "is a date or time; allowed is",
        ),
        (f"providers.x.options = {{ a = {'[' * 30}{']' * 30} }}", "providers.x.options.a", "16 deep"),
        ("providers.'Big One'.model = 'x'", 'providers."Big One"', "a name made of a-z, 0-9, - and _"),
        ("providers.'../x'.model = 'x'", 'providers."../x"', "a name made of a-z, 0-9, - and _"),
        ("keys.stop = 3", "keys.stop", "is 3; allowed is a text"),
    ],
)
def test_a_bad_value_is_left_out_alone(load: Load, text: str, key: str, message: str) -> None:
    loaded = load(f'provider = "kept"\n{text}')
    assert loaded.settings == Settings(provider="kept")
    problem = only_problem(loaded)
    assert problem.key == key
    assert message in problem.message
    assert "config.toml" in problem.message
    assert "canary" not in str(problem)
    assert "\x1b" not in str(problem)


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("modell = 'x'", "modell", "Did you mean model?"),
        ("[interfaces]\ntheme = 'x'", "interfaces", "Did you mean interface?"),
        ("[interface]\nthem = 'x'", "interface.them", "Did you mean interface.theme?"),
        ("[provider.x]\nmodel = 'x'", "provider", "It is ignored"),
        ("[providers.x]\napi_key = 'canary'", "providers.x.api_key", "Did you mean providers.x.api_key_env?"),
        ("zzzz = 1", "zzzz", "Known are provider, model, system"),
        ("'\\u001b[2J' = 1", '"\\\\u001b[2J"', "Known are"),
        ('"\\u001b[2J" = 1', '"␛[2J"', "Known are"),
    ],
)
def test_an_unknown_key_names_the_nearest(load: Load, text: str, key: str, hint: str) -> None:
    loaded = load(text)
    problem = only_problem(loaded)
    assert problem.key == key
    assert hint in problem.hint
    assert "canary" not in str(problem)
    assert loaded.settings == Settings()


def test_every_mistake_is_named(load: Load) -> None:
    loaded = load('save = 1\nmodell = "x"\n[interface]\nenter = "x"\nreading_width = 80')
    assert [problem.key for problem in loaded.problems] == ["save", "modell", "interface.enter"]
    assert loaded.settings == Settings(interface=InterfaceSettings(reading_width=80))


# ---- addresses -----------------------------------------------------------------------------


def test_a_refused_address_is_kept_so_that_nothing_goes_elsewhere(load: Load) -> None:
    loaded = load('[providers.openai]\nbase_url = "http://proxy.example/v1"')
    assert loaded.settings.providers["openai"].base_url == "http://proxy.example/v1"
    problem = only_problem(loaded)
    assert loaded.refused == {"openai": problem}
    assert problem.key == "providers.openai.base_url"
    assert "http://proxy.example is not this machine" in problem.message
    assert problem.hint.endswith("chatterm config set providers.openai.allow_insecure true")


def test_an_insecure_address_can_be_allowed(load: Load) -> None:
    text = "[providers.ollama]\nallow_insecure = true"
    loaded = load(text, {"OLLAMA_HOST": "192.168.1.20"})
    assert (loaded.problems, loaded.refused) == ((), {})
    assert loaded.settings.providers["ollama"].base_url == "http://192.168.1.20:11434"


def test_the_environment_is_named_as_the_source_of_a_refused_address(load: Load) -> None:
    loaded = load("", {"OLLAMA_HOST": "192.168.1.20"})
    assert only_problem(loaded).message.endswith("in the clear (environment OLLAMA_HOST).")
    assert set(loaded.refused) == {"ollama"}


def test_headers_may_be_secret_and_are_in_no_repr() -> None:
    assert "canary" not in repr(Settings(providers={"mine": ProviderSettings(headers={"X-Key": "canary"})}))


# ---- lists of sections ---------------------------------------------------------------------


def test_rules_arrive_in_their_order(load: Load) -> None:
    loaded = load("""
        [routing]
        enabled = true
        [[routing.rules]]
        prefix = "/fast"
        model = "groq/quick"
        [[routing.rules]]
        recent = true
        longest = 80
        model = "perplexity/sonar"
    """)
    assert loaded.problems == ()
    assert loaded.settings.routing == RoutingSettings(
        enabled=True,
        rules=(
            RoutingRule(prefix="/fast", model="groq/quick"),
            RoutingRule(recent=True, longest=80, model="perplexity/sonar"),
        ),
    )


@pytest.mark.parametrize(
    ("rule", "key", "words"),
    [
        ('model = "a"\nlongest = "many"', "routing.rules.1.longest", "a whole number from 0 to"),
        ('model = "a"\nlogest = 3', "routing.rules.1.logest", "unknown setting"),
        ("longest = 3", "routing.rules.1.model", "is missing"),
        ('model = "a"\nprefix = "fast"', "routing.rules.1.prefix", "a word such as /fast"),
    ],
)
def test_a_rule_with_a_wrong_condition_is_left_out_whole(load: Load, rule: str, key: str, words: str) -> None:
    loaded = load(f'[[routing.rules]]\n{rule}\n[[routing.rules]]\nmodel = "b"\n')
    problem = only_problem(loaded)
    assert problem.key == key and words in problem.message
    assert loaded.settings.routing.rules == (RoutingRule(model="b"),)


def test_a_section_where_a_list_of_them_belongs_is_told(load: Load) -> None:
    loaded = load('[routing.rules]\nmodel = "a"\n')
    assert "[[routing.rules]]" in only_problem(loaded).message
    assert loaded.settings == Settings()
