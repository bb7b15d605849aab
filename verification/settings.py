"""How verification is run here: limits, rule pack, policies; one value that every route shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verification.alerts.anomalies import DEFAULT_LIMITS, AnomalyLimits
from verification.decision.act import ParticipantRole
from verification.decision.render import AnswerPolicy
from verification.decision.rule_pack import DEFAULT, RulePack, of_operator
from verification.peers.peers import PATIENT, Patience
from verification.vrs.ask import BUDGET_S
from verification.vrs.credential import CredentialPolicy
from verification.vrs.question import CONTEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from verification.peers.peers import Peer
    from verification.vrs.credential import CredentialProvider

NO_GLN = "0000000000000"
"""Stands for the operator in messages until `PACKTRAIL_OWNER_GLN` is set; nobody's GLN."""


@dataclass(frozen=True, slots=True)
class VerificationSettings:
    """The settings of this floor; a front desk may put its own on `app.state.verification`."""

    rules: str = DEFAULT
    """The rule pack that decides pack operations."""
    rules_folder: Path | None = None
    """Folder of the operator's own rule packs."""
    rules_keys: tuple[Path, ...] = ()
    """Public keys, PEM, that the operator's own rule packs may be signed with."""
    company_prefixes: tuple[str, ...] = ()
    """GS1 Company Prefixes beside GS1's table, which say whose a GTIN is."""
    market: str = ""
    """ISO 3166 country of this repository; empty where only one is served."""
    responder_gln: str = ""
    """GLN-13 of whoever answers and asks; empty where the operator has named none."""
    operator_role: ParticipantRole = ParticipantRole.PHARMACY
    """The role of the operator's own keys until the first participant is registered."""
    vrs_policy: AnswerPolicy = field(default_factory=AnswerPolicy)
    vrs_contexts: tuple[str, ...] = CONTEXTS
    credential_policy: CredentialPolicy = CredentialPolicy.OFF
    """What a partner's missing or bad credential leads to, where no other is set for it."""
    credential_policies: Mapping[str, CredentialPolicy] = field(default_factory=dict)
    """Policies of single partners, by their GLN."""
    credentials: CredentialProvider | None = None
    """The wallet that checks partners' presentations; None leaves them not checked."""
    wallet_holder: str = ""
    """DID of the credential that our wallet presents."""
    partner_budget_s: float = BUDGET_S
    """Total time for all tries of one question to a partner."""
    partner_keys: Mapping[str, str] = field(default_factory=dict)
    """API keys that let us in at responders, by their base URL."""
    directory_file: Path | None = None
    """A lookup directory that is taken over whenever it changes."""
    peers: tuple[Peer, ...] = ()
    """Repositories that are asked for packs unknown here."""
    peer_patience: Patience = PATIENT
    anomaly_limits: AnomalyLimits = DEFAULT_LIMITS
    anomalies_every_s: float = 60.0
    """Pause between two looks through the history of questions."""
    unknown_answers_a_day: int = 20
    """Answers about unknown serial numbers a client gets in a day, at all doors together."""
    body_bytes_max: int = 64 * 1024
    """Largest body of a request about one pack."""
    bulk_bytes_max: int = 64 * 1024 * 1024
    """Largest body of a bulk or upload."""
    waiting_max: int = 4096
    """Requests that may wait for their round."""
    transaction_characters_max: int = 100
    """Longest client transaction id."""

    @property
    def answering_gln(self) -> str:
        """The GLN that answers and questions carry: never empty, as the standard needs one."""
        return self.responder_gln or NO_GLN

    @property
    def rule_pack(self) -> RulePack:
        """The rule pack, its signature checked."""
        return of_operator(self.rules, self.rules_folder, self.rules_keys)
