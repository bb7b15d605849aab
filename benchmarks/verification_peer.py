"""The published VRS responder of QU4RTET, installed and served as its own documents say.

quartet_vrs 2.0.3 runs on Django and asks quartet_epcis for the pack. It gets an environment of its
own in the scratch folder, SQLite, one worker of gunicorn, and no authentication; the packs are put
in by its own parser. It holds fewer packs than we do, which is in its favour: some in an event of a
thousand as ours, some in small events, because it reads a pack's event whole for each answer. It
wants the expiry as YYYYMMDD, so it is asked like that.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
import venv
from pathlib import Path

PACKS = 1000
"""In large events, and as many again in small ones."""
EVENT_PACKS = {"large": 1000, "small": 20}
EXPIRY = "20300531"
GTIN, LOT, COMPANY, ITEM = "05901234123457", "A123", "5901234", "012345"
REQUIREMENTS = (
    "quartet_vrs==2.0.3",
    "quartet_epcis==4.1.5",
    "quartet_masterdata==3.1.2",
    "quartet_capture==4.1.0",
    "Django>=5.2,<5.3",
    "djangorestframework",
    "drf-yasg",
    "django-model-utils",
    "django-filter",
    "setuptools<81",
    "gunicorn",
    "requests",
)
SETTINGS = """
SECRET_KEY = "benchmark"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_yasg",
    "quartet_capture", "quartet_epcis", "quartet_masterdata", "quartet_vrs",
]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "peer.db", "CONN_MAX_AGE": 600,
}}
ROOT_URLCONF = "peer_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
VRS_ALLOW_ALL_REQ_GLNS = True
DEFAULT_VRS_RESPONDER_GLN = "0355555000013"
"""
URLS = """
from django.urls import include, path
urlpatterns = [path("", include("quartet_vrs.urls", namespace="vrs"))]
"""
WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
FILL = """
import io, sys
import django
django.setup()
from django.core.management import call_command
from quartet_epcis.parsing.parser import QuartetParser
from quartet_masterdata.models import Company, TradeItem
call_command("migrate", verbosity=0)
company = Company.objects.create(name="T", GLN13="5901234000009", gs1_company_prefix="{company}")
TradeItem.objects.create(GTIN14="{gtin}", company=company)
QuartetParser(io.BytesIO(sys.stdin.buffer.read())).parse()
"""
EVENT = """<ObjectEvent><eventTime>2026-01-01T00:00:{second:02d}Z</eventTime>
<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList>{epcs}</epcList><action>ADD</action>
<bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
<disposition>urn:epcglobal:cbv:disp:active</disposition><extension><ilmd>
<cbvmda:lotNumber>{lot}</cbvmda:lotNumber>
<cbvmda:itemExpirationDate>2030-05-31</cbvmda:itemExpirationDate></ilmd></extension>
</ObjectEvent>"""
DOCUMENT = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1"
 xmlns:cbvmda="urn:epcglobal:cbv:mda" schemaVersion="1.2" creationDate="2026-01-01T00:00:00Z">
<EPCISBody><EventList>{events}</EventList></EPCISBody></epcis:EPCISDocument>"""


class PeerServer:
    """The peer in processes of its own, on a free port; made ready at its first start."""

    def __init__(self, scratch: Path, serial_of) -> None:
        self._folder = scratch / "peer"
        self._python = self._folder / "environment" / "bin" / "python"
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "peer_settings",
            "PYTHONPATH": str(self._folder),
            "PYTHONWARNINGS": "ignore",
        }
        if not (self._folder / "ready").exists():
            self._make_ready(serial_of)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        bind = f"127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [
                *(self._python, "-m", "gunicorn", "-w", "1", "-b", bind),
                *("--log-level", "error", "peer_wsgi:application"),
            ],
            cwd=self._folder,
            env=self._environment,
        )
        self._wait()
        self._need_right_answer(serial_of(0))

    @property
    def processes(self) -> list[int]:
        """gunicorn and its worker."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)

    def _make_ready(self, serial_of) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        venv.create(self._folder / "environment", with_pip=True, clear=True)
        pip = [str(self._python), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        if subprocess.run(pip, check=False, stderr=subprocess.DEVNULL).returncode:
            raise SystemExit("the peer cannot be installed here: " + " ".join(REQUIREMENTS))
        for name, text in (("settings", SETTINGS), ("urls", URLS), ("wsgi", WSGI)):
            (self._folder / f"peer_{name}.py").write_text(text)
        epcs = [
            f"<epc>urn:epc:id:sgtin:{COMPANY}.{ITEM}.{serial_of(number)}</epc>"
            for number in range(2 * PACKS)
        ]
        groups = [epcs[:PACKS]]
        step = EVENT_PACKS["small"]
        groups += [epcs[at : at + step] for at in range(PACKS, 2 * PACKS, step)]
        events = "".join(
            EVENT.format(epcs="".join(group), lot=LOT, second=number)
            for number, group in enumerate(groups)
        )
        subprocess.run(
            [self._python, "-c", FILL.format(company=COMPANY, gtin=GTIN)],
            input=DOCUMENT.format(events=events).encode(),
            check=True,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
        )
        (self._folder / "ready").touch()

    def _need_right_answer(self, serial: str) -> None:
        """A peer that only refuses would be no comparison."""
        path = f"/verify/gtin/{GTIN}/lot/{LOT}/ser/{serial}?exp={EXPIRY}"
        more = "&linkType=verificationService&reqGLN=0366666000014"
        url = f"http://127.0.0.1:{self.port}{path}{more}&corrUUID={uuid.uuid4()}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            said = answer.read().lower()
        if b"true" not in said:
            raise SystemExit(f"the peer does not verify: {said[:200]!r}")

    def _wait(self) -> None:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise SystemExit("the peer did not start")


if __name__ == "__main__":
    sys.exit("this is a part of benchmarks/verification_http.py")
