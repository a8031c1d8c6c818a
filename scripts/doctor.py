"""Say what this machine has of what atelier needs, and how to get what is missing: `make doctor`.

Runs before the set-up, so it needs Python alone. The exit code is 2 if something that `make repro` needs is missing.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
READY = ROOT / ".venv" / ".ready"  # written when the set-up is done
SPACE = 9  # GB: the environment takes 7 (docs/performance.md), the rest is for what studies write
BROWSERS = ("chromium", "chromium-browser")
CACHE = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))


class Finding(NamedTuple):
    """What was found.

    Attributes:
        needed: by the default study; else by what `advice` names.
        advice: how to get it; "" if it is there.
    """

    name: str
    found: str
    needed: bool = True
    advice: str = ""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check the version of the interpreter."""
    right = (3, 11) <= version < (3, 14)
    advice = "" if right else "install Python 3.11, 3.12 or 3.13, then: make repro PYTHON=python3.13"
    return Finding("Python", ".".join(map(str, version)), True, advice)


def check_tool(name: str, path: str | None) -> Finding:
    """Check that a program is on the path."""
    return Finding(name, path or "none", True, "" if path else f"install it, on Debian: sudo apt-get install {name}")


def check_system(system: str = platform.system()) -> Finding:
    """Check the operating system."""
    advice = "" if system == "Linux" else "only Linux was tried; on Windows use WSL 2"
    return Finding("system", f"{system} {platform.machine()}", False, advice)


def check_space(free: int) -> Finding:
    """Check the free space of the checkout's disk, in bytes."""
    wanted = SPACE - 7 if READY.exists() else SPACE
    advice = "" if free > wanted * 1e9 else f"free {wanted} GB: the environment takes 7 of {SPACE}"
    return Finding("free disk", f"{free / 1e9:.0f} GB", True, advice)


def check_environment() -> Finding:
    """Check the set-up."""
    ready = READY.exists()
    return Finding("environment", ".venv" if ready else "not set up", False, "" if ready else "make repro sets it up")


def check_gpu(answer: str | None) -> Finding:
    """Check the GPU, by what nvidia-smi answers; None: it is not installed or fails."""
    if answer:
        return Finding("GPU", "; ".join(line.strip() for line in answer.strip().splitlines()), False)
    return Finding("GPU", "none", False, "full-size models need one (docs/full-size.md); the default study does not")


def check_hub(environment: dict[str, str], cache: Path) -> Finding:
    """Check access to the model hub; its state alone is told, never the token."""
    token = "HF_TOKEN" in environment or (cache / "token").exists()
    if environment.get("HF_HUB_OFFLINE") in ("1", "true", "TRUE"):
        return Finding("model hub", "offline by HF_HUB_OFFLINE", False, "unset it to download full-size models")
    advice = "" if token else "gated models (Stable Diffusion 3) need a token: hf auth login"
    return Finding("model hub", "token found" if token else "no token", False, advice)


def check_browser(paths: list[str | None]) -> Finding:
    """Check for the browser that tests of pages use."""
    found = next((path for path in paths if path), None)
    return Finding(
        "browser", found or "none", False, "" if found else "make browser; without one its tests are skipped"
    )


def check_uv() -> Finding:
    """Check for the program that `make lock` uses."""
    found = shutil.which("uv") or ("a module" if importlib.util.find_spec("uv") else None)
    return Finding("uv", found or "none", False, "" if found else "only `make lock` needs it: pip install uv")


def _ask(*words: str) -> str | None:
    """Return what a program prints; None if there is none, or it fails."""
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def examine() -> Iterator[Finding]:
    """Yield what is found on this machine."""
    yield check_system()
    yield check_python()
    for name in ("git", "make"):
        yield check_tool(name, shutil.which(name))
    yield check_space(shutil.disk_usage(ROOT).free)
    yield check_environment()
    yield check_gpu(_ask("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"))
    yield check_hub(dict(os.environ), CACHE)
    yield check_browser([shutil.which(name) for name in BROWSERS])
    yield check_uv()


def main(findings: Callable[[], Iterator[Finding]] = examine) -> int:
    """Print what is found; return the exit code."""
    missing = False
    for one in findings():
        state = "ok" if not one.advice else "MISSING" if one.needed else "note"
        missing |= state == "MISSING"
        print(f"{state:8}{one.name:13}{one.found}{f' — {one.advice}' if one.advice else ''}")
    return 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
