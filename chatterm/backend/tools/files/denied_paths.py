"""What file tools never touch, whatever was allowed: secrets, profiles of browsers, and chatterm's own files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chatterm.config.paths import Paths

_SECRET_FOLDERS = re.compile(
    r"/(?:"
    # keys and credentials
    r"\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.gcloud|\.password-store|\.env(?:\.[^/]*)?"
    r"|\.docker/config\.json|\.local/share/keyrings|library/keychains"
    r"|(?:\.config|application support)/(?:gcloud|gh|op|sops|age|rclone|hub)"
    # profiles of browsers and mail programs
    r"|\.mozilla|\.thunderbird|library/(?:safari|cookies)"
    r"|(?:\.config|application support)/(?:google-chrome[^/]*|google/chrome[^/]*|chromium|bravesoftware"
    r"|microsoft[ -]edge[^/]*|vivaldi|opera[^/]*|firefox|mozilla|librewolf|com\.operasoftware[^/]*)"
    r"|snap/(?:firefox|chromium)|\.var/app/[^/]*(?:firefox|chrom|brave|edge|vivaldi|opera|librewolf)[^/]*"
    r")/"
)
"""Parts of a folded absolute path, a slash after each. What is named here is also denied as a file."""

_BEGIN_PLAINLY = frozenset({"library", "application support", "snap"})
"""What one of these begins with, if not with a name that begins with a dot."""

_SECRET_FILES = re.compile(
    r"\.env.*"
    r"|id_[^.]*|id_(?:rsa|dsa|ecdsa|ed25519|xmss).*|.*\.(?:pem|key|p12|pfx|p8|kdbx?|jks|keystore|ppk)"
    r"|[._]netrc|\.pgpass|\.my\.cnf|\.mylogin\.cnf|\.npmrc|\.pypirc|\.git-credentials|\.vault-token|\.htpasswd"
    r"|\.boto|\.s3cfg|\.terraformrc|application_default_credentials\.json"
    r"|[._].*history|fish_history|\.histfile|\.lesshst|\.viminfo|\.zhistory"
)
"""The whole folded name of a file."""

_UNWRITABLE = re.compile(r"/\.git/")
"""A hook or a setting of git is a command that runs later; nothing in there is written by hand."""

_OF_HOME = (
    *(
        ".ssh",
        ".aws",
        ".gnupg",
        ".azure",
        ".kube",
        ".netrc",
        ".config/gcloud",
        ".config/gh",
        ".password-store",
    ),
    *(".mozilla", ".config/google-chrome", ".config/chromium", ".local/share/keyrings", "Library/Keychains"),
)
_VARIABLES = (
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AZURE_CONFIG_DIR", "CLOUDSDK_CONFIG", "GNUPGHOME"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "NETRC", "HISTFILE", "DOCKER_CONFIG", "GH_CONFIG_DIR"),
)
"""Environment variables that move one of these elsewhere; KUBECONFIG may name several files."""

Identity = tuple[int, int]
"""Device and number of a file: the same under whichever name it is reached."""


@dataclass(frozen=True, slots=True)
class DeniedPaths:
    """The deny list. `places` are absolute paths of this user, which are denied with all below them."""

    places: tuple[str, ...] = ()
    _folded: tuple[tuple[str, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", tuple(map(folded, self.places)))

    def why(self, path: str, *, is_folder: bool = False, writing: bool = False) -> str | None:
        """Why an absolute path without `..` is denied, as the end of a sentence; None if it is not.

        Compared as a file system would that ignores case and invisible characters, so that there is no other
        spelling of a denied name. Touches no disk.
        """
        parts = folded(path)
        joined = "/" + "/".join(parts) + "/"
        # Looked at first, since it is quick and holds for most paths.
        is_plain = not any(name.startswith(".") or name in _BEGIN_PLAINLY for name in parts)
        if (not is_plain and _SECRET_FOLDERS.search(joined)) or (
            not is_folder and parts and _SECRET_FILES.fullmatch(parts[-1])
        ):
            return "is where secrets or private records are kept"
        if any(parts[: len(place)] == place for place in self._folded):
            return "is where secrets or chatterm's own files are kept"
        if writing and _UNWRITABLE.search(joined):
            return "belongs to git, where a file can be a command that runs later"
        return None

    def identities(self) -> frozenset[Identity]:
        """Of those places that exist now: they are denied under other names too. Looks at the disk."""
        found: set[Identity] = set()
        for place in self.places:
            try:
                about = os.stat(place)
            except (OSError, ValueError):
                continue
            found.add((about.st_dev, about.st_ino))
        return frozenset(found)


def denied_paths(paths: Paths, environ: Mapping[str, str], others: Iterable[Path] = ()) -> DeniedPaths:
    """The deny list of this user: chatterm's folders, what is usual below HOME, what the environment names.

    `others` are further files or folders that must never be reached, such as a file of keys elsewhere.
    """
    home = environ.get("HOME") or os.path.expanduser("~")
    named = [str(each) for each in (paths.settings, paths.data, paths.state, paths.key_file, *others)]
    named += [os.path.join(home, each) for each in _OF_HOME]
    named += [environ.get(each, "") for each in _VARIABLES]
    named += environ.get("KUBECONFIG", "").split(os.pathsep)
    absolute = [os.path.normpath(each) for each in named if os.path.isabs(each) and "\0" not in each]
    return DeniedPaths(tuple(dict.fromkeys([*absolute, *map(os.path.realpath, absolute)])))


def folded(path: str) -> tuple[str, ...]:
    """The names in a path as one spelling of all that some file system takes for the same."""
    if path.isascii():
        plain = path.lower()
    else:
        composed = unicodedata.normalize("NFKC", path)
        plain = "".join(each for each in composed if unicodedata.category(each) != "Cf").casefold()
    return tuple(name.rstrip(" .") or name for name in plain.split("/") if name)
