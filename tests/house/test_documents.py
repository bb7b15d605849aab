"""What the documents say is true: their commands run, their pages are those of the code."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def blocks(page: str, mark: str) -> list[str]:
    """The shell blocks of a page that follow the comment `mark`."""
    text = (ROOT / page).read_text()
    return re.findall(rf"<!-- {mark} -->\n```sh\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A shell in a folder that has the checkout's documents; what commands write stays there."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return {**environment, "PATH": f"{BIN}{os.pathsep}{environment['PATH']}"}


def run(command: str, shell: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", command],
        env=shell,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_tour_of_the_readme_runs_as_it_stands(shell: dict, tmp_path: Path) -> None:
    (tour,) = blocks("README.md", "tour")
    ran = run(tour, shell, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "shipment.jsonld").stat().st_size > 1000
    assert "OK" in ran.stdout
    assert "intact" in ran.stdout


def test_the_tutorial_runs_as_it_stands(shell: dict, serving, tmp_path: Path) -> None:
    with serving() as server:
        said = [
            run(block, {**shell, "SERVER": server.address}, tmp_path)
            for block in blocks("docs/tutorial.md", "run")
        ]
    assert [ran.returncode for ran in said] == [0] * len(said), said
    captured, done, asked, router, traced, recalled, stopped = (ran.stdout for ran in said)
    assert "/capture/" in captured
    assert '"success":true' in done
    assert '"OK"' in asked
    assert '"verified":true' in router.replace(" ", "")
    assert "shipping" in traced
    assert "glass particles" in recalled
    assert '"recalled"' in stopped


def test_the_small_pharmacys_afternoon_runs_as_it_stands(shell, serving, tmp_path) -> None:
    with serving(PACKTRAIL_OWNER_GLN="0366666000014") as server:
        more = {"SERVER": server.address, "PACKTRAIL_OWNER_GLN": "0366666000014"}
        ran = [
            run(block, {**shell, **more}, tmp_path)
            for block in blocks("docs/tutorials/small-pharmacy.md", "run")
        ]
    assert [one.returncode for one in ran] == [0] * len(ran), ran
    captured, compared, taken, letter, late, released, shown = (one.stdout for one in ran)
    assert "7 new of 7 events" in captured
    assert "not announced" in compared
    assert "4 packs are received, 1 are set aside, 0 are missing" in taken
    assert "serial U9" in letter
    assert "resolved" in late
    assert "1 packs are received" in released
    assert "transaction.pdf" in shown


def test_each_of_the_two_commands_is_one_line_a_shell_can_run() -> None:
    for mark in ("start command", "test command"):
        (block,) = blocks("README.md", mark)
        assert len(block.strip().splitlines()) == 1
        assert subprocess.run(["sh", "-n", "-c", block], check=False).returncode == 0


def test_a_second_start_installs_nothing(environment: dict, tmp_path: Path) -> None:
    """With an installation in place, the start command goes straight to the greeting."""
    for name in ("pyproject.toml", "lock/run.txt", "scripts/install.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (0, 0))
    commands = tmp_path / ".venv/bin"
    commands.mkdir(parents=True)
    (tmp_path / ".venv/installed-run").touch()
    program = commands / "packtrail"
    python = shlex.quote(sys.executable)
    program.write_text(f'#!/bin/sh\nexec {python} -m compliance.service.cli "$@" --port 0\n')
    program.chmod(0o755)
    (command,) = blocks("README.md", "start command")
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Sign in once" in line:
                break
        else:
            raise AssertionError(said + process.communicate()[1])
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize("script", ["make_reference", "make_decisions", "draw_architecture"])
def test_the_made_pages_are_those_of_the_code(script: str) -> None:
    ran = subprocess.run(
        [sys.executable, f"scripts/{script}.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not lost


def test_decisions_are_numbered_and_short() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert decisions
    numbers = [path.name.split("-", 1)[0] for path in decisions]
    assert len(set(numbers)) == len(numbers)
    long = [p.name for p in decisions if len(p.read_text().split()) > 900]
    assert not long


def test_every_class_in_the_glossary_exists() -> None:
    named = set(re.findall(r"`([A-Z]\w+)`", (ROOT / "docs/glossary.md").read_text()))
    assert len(named) > 10
    classes = {
        node.name
        for floor in ("schemas", "epcis", "verification", "compliance")
        for path in (ROOT / floor).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    assert named - classes == set()


def test_the_glossary_gives_each_word_one_meaning() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = Counter(word.strip(" `").lower() for row in rows for word in row.split(","))
    del words["term"], words["---"]  # the heads of its tables
    assert [word for word, times in words.items() if times > 1] == []


def test_an_entry_of_the_changelog_is_one_line() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    entries = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(entries) > 10
    assert [line for line in entries[1:] if not line.startswith("- ")] == []
