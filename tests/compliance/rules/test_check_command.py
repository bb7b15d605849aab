"""`packtrail check` on the command line: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest
from material import EXAMPLES
from typer.testing import CliRunner

from compliance.service.cli import command_line

RIGHT = EXAMPLES / "shipment.xml"


@pytest.fixture
def wrong(tmp_path):
    file = tmp_path / "wrong.xml"
    text = RIGHT.read_text(encoding="utf-8")
    file.write_text(text.replace("<action>OBSERVE", "<action>DELETE"), encoding="utf-8")
    return file


def run(*arguments, **environment):
    arguments = [str(argument) for argument in arguments]
    return CliRunner().invoke(command_line(), ["check", *arguments], env=environment)


def test_a_right_file_ends_well():
    ended = run(RIGHT, "--profile", "dscsa-r1.3", "--now", "2026-02-21")
    assert ended.exit_code == 0, ended.output


def test_a_wrong_file_is_told_as_json(wrong):
    ended = run(RIGHT, wrong, "--profile", "dscsa-r1.3", "--now", "2026-02-21", "--json")
    assert ended.exit_code == 1
    right, told = json.loads(ended.stdout)
    assert (right["file"], right["profile"]) == (str(RIGHT), "dscsa-r1.3")
    assert (right["findings"], right["counts"]) == ([], {})
    assert right["content"]["events"] == {"commissioning": 3, "packing": 3, "shipping": 1}
    [finding] = told["findings"]
    assert finding["code"] == "dscsa.v07-ship-action"
    assert finding["severity"] == "error"
    assert finding["where"]["path"].endswith("/ObjectEvent[4]/action")
    assert finding["where"]["line"]
    assert finding["what"]
    assert finding["hint"]


def test_the_standard_alone_does_not_mind_a_shipment_that_deletes(wrong):
    assert run(wrong, "--profile", "epcis").exit_code == 0
    of_itself = run(wrong)  # it names the guideline that it follows
    assert (of_itself.exit_code, "dscsa-r1.3" in of_itself.output) == (1, True)


@pytest.mark.parametrize("arguments", [("no-such-file",), (RIGHT, "--profile", "dscsa-r9")])
def test_what_cannot_be_told_ends_with_two(arguments):
    assert run(*arguments).exit_code == 2


def test_an_operator_may_use_the_published_schema_files(shared, tmp_path):
    folder = shared / "epcis" / "standard"
    assert run(RIGHT, PACKTRAIL_SCHEMAS_DIR=str(folder)).exit_code == 0
    assert run(RIGHT, PACKTRAIL_SCHEMAS_DIR=str(tmp_path)).exit_code == 2
