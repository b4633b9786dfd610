"""The part of ``plant.yaml`` that says which sign-in service proves people, and what its word counts for."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from aegisflow.config.fields import EMPTY, FilePath, PageUrl, Section, Text, Variable, Wording, Words
from aegisflow.config.identity import Lines, check_grant
from aegisflow.config.mistakes import Mistakes, Shown
from aegisflow.domain.people import SignInSpec
from aegisflow.domain.rights import Grant, Role

__all__ = ["SignInPart", "build_sign_in"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SignInRolePart(Section):
    """What a value of the claim stands for."""

    role: Annotated[
        Literal["viewer", "operator", "approver", "admin"], Wording("viewer, operator, approver or admin")
    ] = Field(examples=["operator"])
    """viewer looks; operator also handles alarms and commands machines; approver also decides on what agents
    propose; admin also makes and revokes tokens."""
    lines: Lines | None = Field(default=None, examples=[["line-1"]])
    """The only lines on whose machines they act; left out, all. Everybody sees all of them."""


class SignInPart(Section):
    """A sign-in service (OpenID Connect) by which people come to the page; their tokens go on as before."""

    issuer: PageUrl = Field(min_length=1, examples=["https://login.plant.example/realms/plant"])
    """The service, exactly as it names itself; its configuration stands below it."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)] = Field(examples=["aegisflow"])
    """As which AegisFlow is known there."""
    client_secret_env: Variable = Field(default="", examples=["AEGISFLOW_SIGN_IN_SECRET"])
    """Name of the environment variable with the client's secret; left out, it has none and PKCE alone protects."""
    scopes: Words = Field(default=("openid", "profile"), examples=[["openid", "profile", "groups"]])
    """What is asked for; openid is among them."""
    roles_claim: Annotated[Text, Field(min_length=1)] = Field(default="groups", examples=["realm_access.roles"])
    """Claim of the ID token with a person's groups or roles; dots lead into mappings."""
    name_claim: Annotated[Text, Field(min_length=1)] = "name"
    """Claim of the ID token with the name that the audit and approvals show, with a tag of the subject behind it."""
    roles: Annotated[dict[Text, SignInRolePart], EMPTY] = Field(
        default_factory=dict, examples=[{"plant-operators": {"role": "operator"}}]
    )
    """Value of the claim to role and lines. Whoever has none of these values may not come in."""
    ca_file: FilePath | None = Field(default=None, examples=["certs/ca.crt"])
    """Certificates of the authorities to trust with the service (PEM); left out, the system's."""


def build_sign_in(
    part: SignInPart | None, page_url: str, lines: Collection[str], folder: Path, mistakes: Mistakes
) -> SignInSpec | None:
    """Return the sign-in service; it must be asked over TLS, and people must be led back to where the page is."""
    if part is None:
        return None
    at = ("sign_in",)
    for place, url in (((*at, "issuer"), part.issuer), (("notifications", "page_url"), page_url)):
        if url and not _is_safe(url):
            mistakes.add(place, url, "an https address, or one of this machine, since sign_in is given")
    if not page_url or urlsplit(page_url).path.strip("/"):
        expected = "the address of the page, without a path, since sign_in leads people back to it"
        mistakes.add(("notifications", "page_url"), page_url or None, expected)
    if "openid" not in part.scopes:
        mistakes.add((*at, "scopes"), list(part.scopes), "a list with openid in it")
    if not part.roles:
        mistakes.add((*at, "roles"), Shown("nothing"), "at least one value of the claim, or nobody could come in")
    for value, granted in part.roles.items():
        check_grant((*at, "roles", value), granted.role, granted.lines, lines, mistakes)
    ca_file = "" if part.ca_file is None else os.path.normpath(folder / part.ca_file)
    if ca_file and not Path(ca_file).is_file():
        mistakes.add((*at, "ca_file"), str(part.ca_file), f"a file that exists, relative to {folder}")
    return SignInSpec(
        issuer=part.issuer,
        client_id=part.client_id,
        page_url=page_url.rstrip("/"),
        roles={value: Grant(Role(granted.role), granted.lines) for value, granted in part.roles.items()},
        roles_claim=part.roles_claim,
        name_claim=part.name_claim,
        client_secret_env=part.client_secret_env,
        scopes=part.scopes,
        ca_file=ca_file,
    )


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
