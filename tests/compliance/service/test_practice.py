"""What the operator sets is what the server does, or it does not start."""

from __future__ import annotations

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from compliance.service.practice import PracticeRefusedError, practice_of
from compliance.service.settings import Settings, SettingsRefusedError, settings_from
from verification.vrs.credential import CredentialOutcome, CredentialPolicy, LocalTestWallet

UUID = "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"
CREDENTIAL = {
    "type": ["VerifiableCredential", "DSCSAATPCredential"],
    "issuer": {"id": "did:web:issuer.example"},
    "issuanceDate": "2026-01-01T00:00:00Z",
    "expirationDate": "2126-01-01T00:00:00Z",
}


def write(folder, name, value):
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_everything_set_arrives(tmp_path):
    write(tmp_path, "p.key", "pt_secret\n")
    peers = [{"name": "p", "base_url": "https://p.example", "key_file": "p.key", "markets": ["FI"]}]
    settings = Settings(
        peers_file=write(tmp_path, "peers.json", peers),
        peer_budget_s=0.5,
        peer_failures_max=2,
        credential_policy="warn",
        credential_policies={"0355555000013": "off"},
        partner_keys_file=write(tmp_path, "keys.json", {"https://r.example/verify/": "p.key"}),
        anomaly_burst_requests=7,
    )
    made = practice_of(settings)
    assert made.peers[0].key == "pt_secret"
    assert (made.peer_patience.budget_s, made.peer_patience.failures_max) == (0.5, 2)
    assert made.credential_policy is CredentialPolicy.WARN
    assert made.credential_policies == {"0355555000013": CredentialPolicy.OFF}
    assert made.partner_keys == {"https://r.example/verify": "pt_secret"}
    assert made.anomaly_limits.burst_requests == 7


def test_a_wallet_for_trials_presents_and_checks(tmp_path):
    key = ec.generate_private_key(ec.SECP256K1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write(tmp_path, "wallet.key", pem)
    told = {
        "key_file": "wallet.key",
        "credential": CREDENTIAL,
        "trusted": ["did:web:issuer.example"],
    }
    made = practice_of(
        Settings(test_wallet=write(tmp_path, "wallet.json", told), credential_policy="require")
    )
    wallet = made.credentials
    assert isinstance(wallet, LocalTestWallet)

    async def there_and_back():
        return await wallet.check(await wallet.present(UUID, ""), UUID, "")

    assert asyncio.run(there_and_back()).outcome is CredentialOutcome.VALID


PEER = {"name": "p", "base_url": "https://p.example"}
FAULTS = [
    ({"peers_file": "nowhere.json"}, None, "No such file"),
    ({"peers_file": "peers.json"}, "{", "peers"),
    ({"peers_file": "peers.json"}, [PEER, PEER], "same name"),
    ({"peers_file": "peers.json"}, [PEER | {"base_url": "http://p.example"}], "https"),
    ({"peers_file": "peers.json"}, [PEER | {"key_file": "none"}], "No such file"),
    ({"peers_file": "peers.json"}, [PEER | {"colour": 1}], "colour"),
    ({"verification_directory": "peers.json"}, [{"gtin": "1"}], "base_url"),
    ({"test_wallet": "peers.json"}, {"key_file": "peers.json", "credential": {}}, "secp256k1"),
    ({"partner_keys_file": "peers.json"}, {"https://x": "none"}, "No such file"),
]


@pytest.mark.parametrize(("named", "content", "word"), FAULTS)
def test_a_file_that_makes_no_sense_is_refused_with_its_name(named, content, word, tmp_path):
    if content is not None:
        write(tmp_path, "peers.json", content)
    ((setting, name),) = named.items()
    with pytest.raises(PracticeRefusedError, match=word):
        practice_of(Settings(**{setting: tmp_path / name}))


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"wallet_url": "http://wallet.example"}, "https"),
        ({"wallet_url": "https://w.example", "test_wallet": "x"}, "not both"),
        ({"credential_policy": "require"}, "no wallet"),
        ({"credential_policies": {"0355555000013": "require"}}, "no wallet"),
        ({"rule_pack": "EU-2016/161-XX"}, "there is no rule pack"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(more, word):
    with pytest.raises(PracticeRefusedError, match=word):
        practice_of(Settings(**more))


def test_a_policy_has_one_of_three_words():
    with pytest.raises(SettingsRefusedError, match="PACKTRAIL_CREDENTIAL_POLICY"):
        settings_from({"credential_policy": "maybe"})
