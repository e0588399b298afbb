from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chatterm.config.files import write_private
from chatterm.config.paths import find_paths, private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def no_umask() -> None:
    os.umask(0)


@pytest.fixture(autouse=True)
def keep_umask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_chatterm_home_holds_everything(tmp_path: Path) -> None:
    paths = find_paths({"CHATTERM_HOME": str(tmp_path), "XDG_CONFIG_HOME": "/elsewhere"})
    assert paths.settings_file == tmp_path / "config.toml"
    assert paths.themes == tmp_path / "themes"
    folders = {paths.data, paths.state}
    assert len(folders) == 2
    assert all(tmp_path in folder.parents for folder in folders)


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths({"CHATTERM_HOME": "here"}).settings_file == tmp_path / "here/config.toml"


def test_xdg_folders() -> None:
    paths = find_paths(
        {
            "XDG_CONFIG_HOME": "/x/config",
            "XDG_DATA_HOME": "/x/data",
            "XDG_STATE_HOME": "/x/state",
        }
    )
    assert paths.settings_file == Path("/x/config/chatterm/config.toml")
    assert (paths.data, paths.state) == (
        Path("/x/data/chatterm"),
        Path("/x/state/chatterm"),
    )


def test_the_usual_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    paths = find_paths({"XDG_CONFIG_HOME": "relative/is/ignored"})
    for folder in (paths.settings, paths.data, paths.state):
        assert Path("/h") in folder.parents
        assert folder.name == "chatterm"


@pytest.mark.usefixtures("no_umask")
def test_folders_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "a/b/c"
    assert private_folder(folder) == folder
    assert [mode(tmp_path / part) for part in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert private_folder(folder) == folder


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OSError, match=r"exists|directory"):
        private_folder(tmp_path / "a/b")


@pytest.mark.usefixtures("no_umask")
def test_files_are_private_and_replaced_whole(tmp_path: Path) -> None:
    path = private_folder(tmp_path / "own") / "f"
    path.write_text("old")
    path.chmod(0o666)
    with path.open() as reader:
        write_private(path, b"new")
        assert reader.read() == "old"
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "config.toml").symlink_to(tmp_path / "dotfiles/config.toml")
    write_private(tmp_path / "config.toml", b"x")
    assert (tmp_path / "config.toml").is_symlink()
    assert (tmp_path / "dotfiles/config.toml").read_bytes() == b"x"


def test_a_failed_write_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = private_folder(tmp_path / "own") / "f"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
