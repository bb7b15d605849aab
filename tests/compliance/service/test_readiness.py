"""A server says by itself whether it lives and whether it can serve."""

from __future__ import annotations

import http.client
import json

import pytest
from databases import new_cluster
from service import DEADLINE_S, Service, eventually


@pytest.fixture
def own_cluster():
    yield from new_cluster()


@pytest.mark.postgresql
def test_a_server_without_its_database_lives_and_is_not_ready(own_cluster, tmp_path):
    with Service(tmp_path, own_cluster.new_database()) as service:
        assert ask(service, "/live") == ask(service, "/health") == (200, "ok")
        assert ask(service, "/ready") == (200, "ready")
        own_cluster.stop("fast")
        status, headers, body = without_credentials(service, "/ready")
        assert status == 503
        assert headers["Retry-After"] == "2"
        assert "the database" in json.loads(body)["detail"]
        assert "host=" not in body.decode()
        assert ask(service, "/live") == (200, "ok")
        own_cluster.start()
        eventually(lambda: ask(service, "/ready") == (200, "ready"))


def without_credentials(service, path):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ask(service, path):
    status, _, body = without_credentials(service, path)
    return status, json.loads(body).get("status")
