"""Partners prove that they are authorised; what was not checked is called not checked."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from verification.registry.history import history
from verification.settings import VerificationSettings
from verification.vrs.credential import (
    Checked,
    CredentialOutcome,
    CredentialPolicy,
    HttpWallet,
    LocalTestWallet,
    WalletRefusedError,
    did_key,
    key_of,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UUID = "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"
ISSUER = "did:web:issuer.example"
CREDENTIAL = {
    "type": ["VerifiableCredential", "DSCSAATPCredential"],
    "issuer": {"id": ISSUER},
    "issuanceDate": "2026-01-01T00:00:00Z",
    "expirationDate": "2027-01-01T00:00:00Z",
}


def wallet(clock, **more):
    values = {"credential": CREDENTIAL, "trusted": frozenset({ISSUER})}
    return LocalTestWallet(ec.generate_private_key(ec.SECP256K1()), clock=clock, **(values | more))


def check(one, presentation, corr_uuid=UUID):
    return asyncio.run(one.check(presentation, corr_uuid, ""))


def test_a_fresh_presentation_is_valid_and_says_what_was_not_checked(clock):
    one = wallet(clock)
    checked = check(one, asyncio.run(one.present(UUID, "")))
    assert checked == Checked(CredentialOutcome.VALID, (), one.did, "not_checked", "not_checked")


def test_every_fault_has_its_code(clock):
    one = wallet(clock)
    presentation = asyncio.run(one.present(UUID, ""))
    other = "11111111-5d0b-4a0e-9a34-7a9d6f0f3f10"
    assert check(one, presentation, other).codes == ("vp_nonce_invalid",)
    head, body, signature = presentation.split(".")
    assert check(one, f"{head}.{body}.{signature[::-1]}").codes == ("jwt_invalid",)
    assert check(one, "nonsense").codes == ("jwt_invalid",)
    clock.now = NOW + timedelta(minutes=5, seconds=1)
    assert check(one, presentation).codes == ("vp_iat_expired",)
    clock.now = NOW - timedelta(minutes=5)
    assert check(one, presentation).codes == ("vp_iat_invalid",)
    clock.now = NOW
    stranger = wallet(clock, trusted=frozenset())
    assert check(stranger, presentation).codes == ("vc_non_trusted_issuer",)
    for changed, code in (
        ({"expirationDate": "2026-11-01T00:00:00Z"}, "vc_exp_expired"),
        ({"issuanceDate": "2026-12-01T00:00:00Z"}, "vc_nbf_invalid"),
        ({"type": ["VerifiableCredential"]}, "vc_invalid"),
    ):
        bad = wallet(clock, credential=CREDENTIAL | changed)
        assert check(bad, asyncio.run(bad.present(UUID, ""))).codes == (code,)
    lost = asyncio.run(one.present(UUID, "did:web:nobody.example"))
    assert check(one, lost).codes == ("vp_iss_invalid",)


def test_did_web_and_did_key_give_the_same_key(clock):
    import base64

    key = ec.generate_private_key(ec.SECP256K1())
    numbers = key.public_key().public_numbers()

    def coordinate(value):
        return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")

    jwk = {"crv": "secp256k1", "x": coordinate(numbers.x), "y": coordinate(numbers.y)}
    documents = {"did:web:a.example": {"verificationMethod": [{"publicKeyJwk": jwk}]}}
    assert key_of("did:web:a.example", documents) == key.public_key()
    assert key_of(did_key(key.public_key()), {}) == key.public_key()
    assert key_of("did:key:zzz", {}) is None


class WalletServer:
    """The OCI wallet API over a local wallet, checking requests against its published schema."""

    def __init__(self, local, schemas):
        self.local = local
        self.schemas = schemas

    async def __call__(self, scope, receive, send):
        body = json.loads((await receive())["body"])
        if scope["path"].endswith("/generate"):
            self.validate("Generate", body)
            made = await self.local.present(body["corrUUID"], "")
            said = {"success": True, "verifiablePresentation": made}
        else:
            self.validate("Verify", body)
            checked = await self.local.check(body["verifiablePresentation"], UUID, "")
            ok = checked.outcome is CredentialOutcome.VALID
            said = {"success": ok, "errors": [], "errorCodes": list(checked.codes)}
        content = json.dumps(said).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    def validate(self, name, body):
        schema = self.schemas[f"Request_VerifiablePresentation_{name}"]
        if name == "Generate":
            schema["properties"]["corrUUID"].pop("pattern", None)  # its pattern matches nothing
        jsonschema_rs.validator_for(schema).validate(body)


def test_a_wallet_over_http_speaks_the_published_api(clock, shared):
    published = json.loads((shared / "messages/oci/digital-wallet-v2.0.0.json").read_bytes())
    server = WalletServer(wallet(clock), published["components"]["schemas"])

    async def both():
        transport = httpx.ASGITransport(server)
        async with httpx.AsyncClient(transport=transport) as http:
            remote = HttpWallet(http, "http://wallet", lambda: "token")
            presentation = await remote.present(UUID, "did:web:us")
            good = await remote.check(presentation, UUID, "did:web:us")
            bad = await remote.check(presentation, UUID.replace("2f", "3f", 1), "did:web:us")
            return good, bad

    good, bad = asyncio.run(both())
    assert (good.outcome, good.proof) == (CredentialOutcome.VALID, "by_wallet")
    assert bad.codes == ("vp_nonce_invalid",)


def test_a_silent_wallet_checks_nothing_and_says_so():
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>"})

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(broken)) as http:
            remote = HttpWallet(http, "http://wallet", lambda: "token")
            checked = await remote.check("x", UUID, "")
            with pytest.raises(WalletRefusedError):
                await remote.present(UUID, "did:web:us")
            return checked

    assert asyncio.run(ask()).outcome is CredentialOutcome.NOT_CHECKED


@pytest.mark.parametrize(
    ("policy", "with_header", "status", "noted"),
    [
        (CredentialPolicy.OFF, False, 200, "not_checked"),
        (CredentialPolicy.WARN, False, 200, "missing"),
        (CredentialPolicy.WARN, True, 200, "valid"),
        (CredentialPolicy.REQUIRE, False, 403, None),
        (CredentialPolicy.REQUIRE, True, 200, "valid"),
    ],
)
def test_each_partner_has_its_policy(  # noqa: PLR0917  # one row of the table
    packs, clock, holder, make_app, make_client, policy, with_header, status, noted
):
    one = wallet(clock)
    partner = "0366666000014"
    settings = VerificationSettings(credentials=one, credential_policies={partner: policy})
    client = make_client(make_app(packs, clock, holder, settings))
    url = f"/verify/gtin/05901234123457/lot/A123/ser/S1?reqGLN={partner}&corrUUID={UUID}"
    presentation = asyncio.run(one.present(UUID, ""))
    headers = {"ATP-Authorization": presentation} if with_header else {}
    answer = client.get(url, headers=headers)
    assert answer.status_code == status
    with packs.read() as snapshot:
        kept = [past.record["credential"] for past in history(snapshot, "05901234123457", "S1")]
    assert kept == ([noted] if noted else [])
