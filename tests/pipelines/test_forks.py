"""What a fork gets: a workflow and an image that run the README's two commands, and metadata that agrees."""

import re
import subprocess

from import_graph import ROOT
from ruamel.yaml import YAML

import atelier

TARGETS = set(re.findall(r"(?m)^([a-z.]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


def read(name: str) -> dict:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


def test_the_workflow_runs_the_two_commands_with_no_more_rights_than_it_needs():
    workflow = read(".github/workflows/ci.yml")
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    made = re.findall(r"(?m)^make (\S+)", "\n".join(commands))
    assert made == ["test", "repro"]
    assert set(made) <= TARGETS
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


def test_the_workflows_report_of_changed_metrics_is_a_table_in_markdown():
    (step,) = [one for one in read(".github/workflows/ci.yml")["jobs"]["repro"]["steps"] if "name" in one]
    script = step["run"].split("gh pr comment")[0]
    assert subprocess.run(["bash", "-n"], input=step["run"], text=True, check=False).returncode == 0
    (command,) = re.findall(r"\.venv/bin/(dvc .*)", script)
    command = command.replace('"$BASE"', "HEAD")
    shown = subprocess.run(command.split(), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "" or re.match(r"\| Path +\| Metric +\| HEAD", shown)


def test_the_image_is_set_up_by_make_and_copies_what_git_has():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("COPY")] == ["COPY . ."]
    (setup,) = [line for line in lines if line.startswith("RUN make")]
    assert setup.split()[2] in TARGETS
    assert lines[-1] == 'CMD ["make", "repro"]'
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [path for path in tracked if path.split("/")[0] in kept_out]


def test_citation_and_changes_name_the_packages_version():
    citation = read("CITATION.cff")
    assert (citation["version"], citation["license"]) == (atelier.__version__, "Apache-2.0")
    assert f"## {atelier.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_contributing_names_targets_and_files_that_exist():
    for page in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"`make ([a-z]+)`", text)) <= TARGETS
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / link).exists(), link
