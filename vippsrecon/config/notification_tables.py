"""`[mail]` and `[webhook]` of `vippsrecon.toml`: where `vippsrecon notify` sends results and failures.

A password and the URL of a webhook are secrets: the file has the names of their variables only.
"""

from __future__ import annotations

import re
from dataclasses import field
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictStr

from vippsrecon.config.validation import one_of, parse_texts, settings_model, whole_number

PORT_OF_SECURITY = {"starttls": 587, "tls": 465, "none": 25}
"""Security of the connection to its usual port. Source: RFC 8314, section 3.3; RFC 5321."""

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


def _check_address(text: str) -> str:
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError, TypeError):
        address = None
    if address is None or not address.domain or not text.isascii() or not text.isprintable():
        raise ValueError(f"is {text[:60]!r}. Use an e-mail address such as finance@example.com.")
    return text


def _check_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        _check_address(address)
    return addresses


def _check_variable_name(name: str) -> str:
    # The value is not shown: it may be the secret itself.
    if _VARIABLE_NAME.fullmatch(name) is None:
        raise ValueError(
            "is not the name of an environment variable. Set a variable to the secret, and write the "
            "name of the variable here."
        )
    return name


def _check_host(host: str) -> str:
    if _HOST_NAME.fullmatch(host) is None:
        raise ValueError(
            f"is {host[:60]!r}. Use the name of the mail server alone, such as smtp.example.com."
        )
    return host


MailAddress = Annotated[StrictStr, AfterValidator(_check_address)]
MailAddresses = Annotated[
    tuple[str, ...], BeforeValidator(parse_texts), AfterValidator(_check_addresses)
]
VariableName = Annotated[StrictStr, AfterValidator(_check_variable_name)]


@settings_model
class MailTable:
    """`[mail]`: the mail server, and who gets results and failures.

    Attributes:
        host: Name of the mail server.
        sender: Address that the mail is from.
        results_to: Who gets the result of a finished run.
        failures_to: Who is told that a run could not finish; empty: those of `results_to`.
        security: starttls, tls (from the first byte) or none.
        port: None: the usual one of `security`.
        user: Name to log in with; None: no login.
        password_from: The environment variable that contains the password.
        allow_unencrypted: Whether mail may be sent without TLS to another computer.
        attach_up_to_mb: Largest report that is attached; 0: none.
    """

    host: Annotated[StrictStr, AfterValidator(_check_host)]
    sender: MailAddress
    results_to: MailAddresses
    failures_to: MailAddresses = ()
    security: Annotated[StrictStr, one_of(PORT_OF_SECURITY)] = "starttls"
    port: Annotated[int, whole_number(1, 65_535)] | None = None
    user: StrictStr | None = field(default=None, repr=False)
    password_from: VariableName | None = None
    allow_unencrypted: StrictBool = False
    attach_up_to_mb: Annotated[int, whole_number(0, 100)] = 10


@settings_model
class WebhookTable:
    """`[webhook]`: a channel of Teams or Slack.

    Attributes:
        service: teams or slack.
        results_url_from: The environment variable that contains the URL for results.
        failures_url_from: The same for failures; None: that of results.
    """

    service: Annotated[StrictStr, one_of(("teams", "slack"))]
    results_url_from: VariableName
    failures_url_from: VariableName | None = None
