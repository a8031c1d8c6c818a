"""`make doctor` tells what is missing and how to get it, without the environment."""

import subprocess
import sys

import pytest
from import_graph import ROOT

from scripts import doctor


def test_it_runs_without_any_package_and_says_ok_for_what_is_there():
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts/doctor.py")]  # no site-packages
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    states = {line.split()[1]: line.split()[0] for line in result.stdout.splitlines()}
    assert states["Python"] == states["git"] == states["make"] == "ok"


@pytest.mark.parametrize(
    ("finding", "advice"),
    [
        (doctor.check_python((3, 10, 2)), "install Python 3.11"),
        (doctor.check_python((3, 14, 0)), "install Python 3.11"),
        (doctor.check_python((3, 11, 0)), ""),
        (doctor.check_tool("git", None), "apt-get install git"),
        (doctor.check_tool("git", "/usr/bin/git"), ""),
        (doctor.check_system("Windows"), "WSL"),
        (doctor.check_space(10**8), "free "),
        (doctor.check_space(10**12), ""),
        (doctor.check_gpu(None), "docs/full-size.md"),
        (doctor.check_gpu("NVIDIA H100, 81559 MiB\n"), ""),
        (doctor.check_browser([None, None]), "make browser"),
        (doctor.check_browser([None, "/usr/bin/chromium-browser"]), ""),
    ],
)
def test_advice_is_given_for_what_is_missing_alone(finding, advice):
    assert (advice in finding.advice) if advice else finding.advice == ""


def test_a_token_is_found_and_never_shown(tmp_path):
    secret = "hf_" + "x" * 20
    assert "hf auth login" in doctor.check_hub({}, tmp_path).advice
    (tmp_path / "token").write_text(secret)
    for found in (doctor.check_hub({"HF_TOKEN": secret}, tmp_path), doctor.check_hub({}, tmp_path)):
        assert (found.found, found.advice) == ("token found", "")
    assert "offline" in doctor.check_hub({"HF_HUB_OFFLINE": "1"}, tmp_path).found


def test_the_exit_code_is_2_only_if_something_needed_is_missing(capsys):
    missing, noted = doctor.check_tool("git", None), doctor.check_gpu(None)
    assert doctor.main(lambda: iter([noted])) == 0
    assert doctor.main(lambda: iter([noted, missing])) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("MISSING git ")
