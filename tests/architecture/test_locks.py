"""requirements.lock and build.lock: every package pinned with hashes, for each supported Python, nothing missing."""

import re
import tomllib
from importlib import metadata
from platform import python_version

import pytest
from import_graph import ROOT
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]
BUILD = PROJECT["build-system"]["requires"] + PROJECT["dependency-groups"]["build"]
LOCKS = {"requirements.lock": DEPENDENCIES, "build.lock": BUILD}
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def entries(lock: str) -> list[str]:
    """Split a lock into one text per package: its pin, its marker and its hashes."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / lock).read_text(encoding="utf-8"))
    return text.replace("\\\n", " ").splitlines()


def pins(lock: str, python: str) -> dict[str, Requirement]:
    """Return by normalised name what the lock installs on Linux under this Python."""
    here = {**default_environment(), "python_version": python.rpartition(".")[0], "python_full_version": python}
    read = [Requirement(entry.split("--hash")[0]) for entry in entries(lock)]
    return {canonicalize_name(pin.name): pin for pin in read if pin.marker is None or pin.marker.evaluate(here)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_and_has_hashes_and_no_address(lock):
    for entry in entries(lock):
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+ +(; [^\\]+? )?( *--hash=sha256:[0-9a-f]{64})+ *", entry), entry[:80]
        assert "://" not in entry, "a lock names no package index: the one configured is used"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_hold_what_pyproject_asks_for_within_its_ranges(lock, python):
    held = pins(lock, python)
    for wanted in map(Requirement, LOCKS[lock]):
        (version,) = held[canonicalize_name(wanted.name)].specifier
        assert wanted.specifier.contains(version.version), f"{wanted} is locked at {version.version}"


def test_the_lock_holds_everything_that_the_dependencies_require_in_turn():
    """Compared with the installed packages' own metadata: make installs the lock's packages and looks for no others."""
    held = pins("requirements.lock", python_version())
    queue, seen = [Requirement(text) for text in DEPENDENCIES], set()
    while queue:
        wanted = queue.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in held, f"{wanted.name} is required and not in requirements.lock: run `make lock`"
        for text in metadata.requires(wanted.name) or []:
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                queue.append(needed)
    assert len(seen) > 150


def test_make_installs_from_the_locks_only():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"(?m)^\t@?(\$\(PIP\) .*)$", makefile)
    assert re.search(r"(?m)^PIP := .* install --no-deps$", makefile)
    assert installs == [
        "$(PIP) --require-hashes --requirement build.lock",
        "$(PIP) --require-hashes --no-build-isolation --requirement requirements.lock",
        "$(PIP) --no-build-isolation --editable .",
    ]
    assert len(re.findall(r"pip\b.*\binstall", makefile)) == 1
