"""A PgBouncer in transaction mode before a PostgreSQL of this run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import Cluster, _unprivileged
from service import eventually
from sqlalchemy import make_url

PORT = 6432
"""Part of a socket's name only: it listens on no network."""
PREPARED = "connect_query='SET packtrail.party = ''*'''"


@contextmanager
def pooler(
    cluster: Cluster, folder: Path, *, role: str, connect_query: str = PREPARED
) -> Iterator[Path]:
    """The folder of its socket; every database of the cluster is there under its name."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={cluster.folder} user={role} pool_size=24 {connect_query}\n"
        "[pgbouncer]\npool_mode = transaction\nauth_type = any\nlisten_addr =\n"
        f"listen_port = {PORT}\nunix_socket_dir = {folder}\nmax_client_conn = 300\n"
    )
    folder.chmod(0o755)
    command = [program, "-q", str(settings)]
    if os.geteuid() == 0:
        shutil.chown(folder, _unprivileged())
        command[1:1] = ["-u", _unprivileged()]
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: (folder / f".s.PGSQL.{PORT}").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "pgbouncer.log").read_text()
        yield folder
    finally:
        process.terminate()
        process.wait()


def through(folder: Path, url: str) -> str:
    """The address of a database by way of the pooler in a folder."""
    more = {"host": str(folder), "port": str(PORT), "pooler": "transaction"}
    return make_url(url).update_query_dict(more).render_as_string(hide_password=False)
