"""What is denied, and that the list does not take the work away."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatterm.backend.tools.files.denied_paths import DeniedPaths, denied_paths
from tests.backend.tools.files.rooted_files import paths_in


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/h/.ssh",
            "/h/.ssh/known_hosts",
            "/h/.gnupg/x/y",
            "/h/.aws/config",
            "/h/.azure/t",
            "/h/.kube/config",
        ),
        *(
            "/h/.config/gcloud/x",
            "/h/.config/gh/hosts.yml",
            "/h/.docker/config.json",
            "/h/.password-store/a.gpg",
        ),
        *("/h/.mozilla/firefox/p/logins.json", "/h/.config/google-chrome/Default/Login Data"),
        *("/h/.config/google-chrome-beta/x", "/h/.config/chromium/x", "/h/.config/BraveSoftware/x"),
        *("/h/Library/Application Support/Google/Chrome/x", "/h/Library/Keychains/login.keychain-db"),
        *("/h/snap/firefox/common/x", "/h/.var/app/org.mozilla.firefox/x", "/h/Library/Safari/History.db"),
        *("/h/.netrc", "/h/_netrc", "/h/.npmrc", "/h/.pypirc", "/h/.git-credentials", "/h/.pgpass"),
        *(
            "/h/.env",
            "/h/.env.production",
            "/h/.envrc",
            "/h/.env/x",
            "/h/x.PEM",
            "/h/x.key",
            "/h/x.p12",
            "/h/x.kdbx",
        ),
        *(
            "/h/id_rsa",
            "/h/id_ed25519.pub",
            "/h/id_rsa.bak",
            "/h/id_server",
            "/h/.bash_history",
            "/h/.zsh_history",
        ),
        *(
            "/h/fish_history",
            "/h/.lesshst",
            "/h/.viminfo",
            "/h/.sqlite_history",
            "/h/.SSH./x",
            "/h/.s\u00adsh/x",
        ),
    ],
)
def test_secrets_are_denied(path: str) -> None:
    assert DeniedPaths().why(path)
    assert DeniedPaths().why(path, writing=True)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/h/src/environment.py",
            "/h/id_generator.py",
            "/h/history.py",
            "/h/keys.py",
            "/h/ssh/config",
            "/h/.sshx",
        ),
        *(
            "/h/.github/workflows/x.yml",
            "/h/.gitignore",
            "/h/.gitattributes",
            "/h/.config/nvim/init.lua",
            "/h/.bashrc",
        ),
        *(
            "/h/.vscode/settings.json",
            "/h/docs/pem.md",
            "/h/.aws.md",
            "/h/venv/bin/python",
            "/h/.venv/x",
            "/h/a/..",
        ),
    ],
)
def test_other_files_are_not(path: str) -> None:
    assert DeniedPaths().why(path) is None
    assert DeniedPaths().why(path, writing=True) is None


def test_git_is_read_and_not_written() -> None:
    for path in ("/h/.git/config", "/h/.git/hooks/pre-commit", "/h/a/.git", "/h/.GIT/HEAD"):
        assert DeniedPaths().why(path) is None
        assert DeniedPaths().why(path, writing=True)


def test_a_folder_may_be_called_like_a_key() -> None:
    assert DeniedPaths().why("/h/id_tools", is_folder=True) is None
    assert DeniedPaths().why("/h/.ssh", is_folder=True)


def test_own_folders_and_what_the_environment_names_are_denied(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path / "home"),
        "KUBECONFIG": f"{tmp_path}/k1:{tmp_path}/k2",
        "HISTFILE": f"{tmp_path}/h",
        "NETRC": "relative",
    }
    denied = denied_paths(paths_in(tmp_path), environ, [tmp_path / "more"])
    for name in (
        "settings/config.toml",
        "settings/keys.toml",
        "data",
        "state/x/y",
        "k1",
        "k2",
        "h",
        "more/x",
    ):
        assert denied.why(f"{tmp_path}/{name}"), name
    for name in ("settings2", "relative", "k", "other"):
        assert denied.why(f"{tmp_path}/{name}") is None, name


def test_a_place_is_denied_where_a_link_leads_as_well(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "settings").symlink_to("real")
    assert denied_paths(paths_in(tmp_path), {"HOME": "/h"}).why(f"{tmp_path.resolve()}/real/keys.toml")
