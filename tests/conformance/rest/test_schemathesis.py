"""Requests nobody would think of, made from the OpenAPI document: never a fault of ours.

The short form asks a few requests per operation; `slow` asks many.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, settings
from repository import make_app, new_repository, serving

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    repository = new_repository(tmp_path_factory.mktemp("schemathesis"))
    with serving(repository):
        yield repository
    repository.store.close()


def operations(repository):
    description = make_app(repository).openapi()
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(description)))
    for found in schema.get_all_operations():
        yield found.ok()


def checks():
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
        unsupported_method,
    )

    return [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        unsupported_method,
    ]


def ask_everything(repository, examples_max: int) -> int:
    asked = 0
    for operation in operations(repository):

        @settings(
            max_examples=examples_max,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @_given(operation)
        def ask(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(
                base_url=repository.url,
                headers={"Authorization": "Bearer all"},
                checks=checks(),
            )

        ask()
    return asked


def _given(operation):
    from hypothesis import given
    from schemathesis import GenerationMode

    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    return given(case=modes[0] | modes[1])


def test_a_few_odd_requests_for_every_operation(answering):
    assert ask_everything(answering, 3) > 100


@pytest.mark.slow
def test_many_odd_requests_for_every_operation(answering):
    assert ask_everything(answering, 100) > 1000
