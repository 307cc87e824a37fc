"""Decide who handled an order's payment: Vipps MobilePay, another provider, or not clear.

Other providers sell Vipps and MobilePay too. Their payments are never on the merchant's own sales
units, so the word alone proves nothing: a gateway id or a listed title does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import polars as pl

from vippsrecon.sources.files.headings import normalize_heading, normalize_word
from vippsrecon.sources.orders.fields.references import SEPARATORS
from vippsrecon.sources.orders.fields.statuses import get_field_cells
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.vipps_rules import NEW_REFERENCE_PATTERN

Owner = Literal["own", "recurring", "bank_transfer", "other", "unsure", ""]
"""Who handles a tender; "" if there is none. `recurring` and `bank_transfer` go through Vipps
MobilePay, but not through its ePayment API."""


class Tender(NamedTuple):
    """How one order was paid, with the columns of `schemas.ORDERS`."""

    payment_method: str | None
    by_vipps: bool | None
    split_tender: bool
    method_unsure: bool
    not_epayment: bool


def classify_tenders(heads: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Return one `Tender` per row."""
    fields = ("payment_method", "payment_title", "transaction_id", "vipps_api")
    cells = {name: get_field_cells(heads, name) for name in fields}
    if "transaction_id" not in heads.columns:
        cells["transaction_id"] = get_field_cells(heads, "reference")
    patterns = _load_words()
    # The form decides, not the id: so each distinct combination is classified once.
    forms = pl.DataFrame(
        [cells[name].alias(name) for name in ("payment_method", "payment_title", "vipps_api")]
    ).with_columns(
        foreign=cells["transaction_id"].str.contains(patterns["foreign_ids"]),
        charge=cells["transaction_id"].str.contains(patterns["charge_ids"]),
    )
    different = forms.unique(maintain_order=True)
    answers = [_classify(_Form(*row), profile) for row in different.iter_rows()]
    schema = {
        "payment_method": pl.String,
        "by_vipps": pl.Boolean,
        "split_tender": pl.Boolean,
        "method_unsure": pl.Boolean,
        "not_epayment": pl.Boolean,
    }
    classified = different.select(pl.all().name.prefix("_")).hstack(
        pl.DataFrame(answers, schema=schema, orient="row")
    )
    keys = forms.select(pl.all().name.prefix("_"))
    joined = keys.join(classified, on=keys.columns, how="left", maintain_order="left")
    return joined.select(*schema)


def find_owner(text: str, profile: Profile, *, is_id: bool) -> Owner:
    """Return who handles the payments of one gateway id or title.

    >>> from vippsrecon.sources.orders.profiles import get_profile
    >>> shop = get_profile("woocommerce")
    >>> [find_owner(text, shop, is_id=True) for text in ("vipps_card", "vipps_recurring", "stripe_mobilepay", "acme_mobilepay")]
    ['own', 'recurring', 'other', 'unsure']
    >>> [find_owner(text, shop, is_id=False) for text in ("Vipps/MobilePay", "Nexi (MobilePay)", "Betal med Vipps", "Faktura")]
    ['own', 'other', 'unsure', 'other']
    """
    heading = normalize_heading(text)
    plain = normalize_word(re.sub(r"\s*/\s*", " ", text))
    tokens = re.findall(r"[^\W_]+", plain)
    owner = _find_by_beginning(heading, profile)
    if owner or not plain:
        return owner
    is_provider = _names_provider(heading, plain, tokens)
    if not _is_named_own(plain, tokens):
        return "other" if is_id or is_provider or _is_listed(plain, tokens) else "unsure"
    if is_provider:
        return "other"
    other_words = [token for token in tokens if token not in _load_words()["own"]]
    return _find_by_id(other_words) if is_id else _find_by_title(other_words)


def _find_by_beginning(heading: str, profile: Profile) -> Owner:
    words = _load_words()
    beginnings: list[tuple[Owner, Iterable[str]]] = [
        ("bank_transfer", words["bank_transfer_beginnings"]),
        ("own", words["own_beginnings"]),
        ("own", map(normalize_heading, profile.own_tenders)),
        ("unsure", map(normalize_heading, profile.unsure_tenders)),
    ]
    return next((owner for owner, texts in beginnings if heading.startswith(tuple(texts))), "")


def _find_by_id(other_words: list[str]) -> Owner:
    """Return the owner of a gateway id with Vipps MobilePay's name in it, and with no provider's."""
    words = _load_words()
    if all(token in words["beside_own"] for token in other_words):
        return "own"
    allowed = {*words["beside_own"], *words["recurring"]}
    return "recurring" if all(token in allowed for token in other_words) else "unsure"


def _find_by_title(other_words: list[str]) -> Owner:
    return "own" if not other_words or " ".join(other_words) in _load_words()["forms"] else "unsure"


def pick_references(heads: pl.DataFrame, profile: Profile, tendered: pl.DataFrame) -> pl.DataFrame:
    """Return `reference` and `further_references` of each row, null where there are none.

    Several references in one cell are several payments of one order. Transaction ids in the form
    of another provider, and charge ids, are not references of the ePayment API.
    """
    words = _load_words()
    keys = pl.DataFrame(
        {
            "cell": get_field_cells(heads, "reference"),
            "more": get_field_cells(heads, "further_references"),
            "method": get_field_cells(heads, "payment_method"),
        }
    )
    listing = keys["cell"].str.contains(SEPARATORS.pattern) | (
        (keys["more"] != "") & (keys["more"] != keys["cell"])
    )
    further = pl.Series([None], dtype=pl.String).new_from_index(0, heads.height)
    reference = keys["cell"]
    if listing.any():
        split = keys.filter(listing).unique()
        split_references = [
            _split_cells(cell, more, method, profile) for cell, more, method in split.iter_rows()
        ]
        schema = {"reference": pl.String, "further": pl.String}
        table = split.hstack(pl.DataFrame(split_references, schema=schema, orient="row"))
        joined = keys.join(table, on=keys.columns, how="left", maintain_order="left")
        reference = joined["reference"].zip_with(listing, reference)
        further = joined["further"].zip_with(listing, further)
    other = ~tendered["by_vipps"].fill_null(value=True)
    charge = reference.str.contains(words["charge_ids"]) | (reference == "0")
    not_ours = (
        (reference == "")
        | (other & reference.str.contains(words["foreign_ids"]))
        | (tendered["not_epayment"] & charge)
    )
    return pl.DataFrame(
        {
            "reference": reference.set(not_ours, None),
            "further_references": further.set(further == "", None),
        }
    )


def _split_cells(cell: str, more: str, method: str, profile: Profile) -> tuple[str, str]:
    """Return the reference of a row, and the others of its cells separated by blanks."""
    references = list(
        dict.fromkeys(
            part
            for text in (cell, more)
            for part in _keep_own_references(SEPARATORS.split(text), method, profile)
            if re.fullmatch(NEW_REFERENCE_PATTERN, part)
        )
    )
    if not references:
        return cell, ""
    return references[0], " ".join(references[1:])


def _keep_own_references(parts: list[str], method: str, profile: Profile) -> list[str]:
    """Return the references of a cell without those of the tenders that are not Vipps MobilePay's.

    Shopify lists tenders and references in one order: `Vipps MobilePay + Gift Card`.
    """
    tenders = _split_tenders(method, profile)
    if len(tenders) != len(parts) or len(parts) == 1:
        return parts
    return [
        part
        for part, tender in zip(parts, tenders, strict=True)
        if find_owner(tender, profile, is_id=False) != "other"
    ]


class _Form(NamedTuple):
    """The fields that show how an order was paid; `foreign` and `charge` are forms of its transaction id."""

    method: str
    title: str
    vipps_api: str
    foreign: bool
    charge: bool


def _classify(form: _Form, profile: Profile) -> Tender:
    shown = form.method or form.title
    parts = _split_tenders(shown, profile)
    owners = {_find_owner_of_cells(part, form, profile) for part in parts} - {""}
    known: tuple[Owner, ...] = ("own", "recurring", "bank_transfer", "unsure")
    owner: Owner = next((kind for kind in known if kind in owners), "other" if owners else "")
    owner = _settle_by_transaction(owner, form, profile)
    by_vipps = None if owner in ("unsure", "") else owner != "other"
    return Tender(
        shown or None,
        by_vipps,
        by_vipps is not False and len(owners) > 1,
        owner == "unsure",
        owner in ("recurring", "bank_transfer"),
    )


def _settle_by_transaction(owner: Owner, form: _Form, profile: Profile) -> Owner:
    """Return the owner by the transaction's API, or by the form of its id where the method is a title.

    A title such as MobilePay is also another provider's.
    """
    is_settled = owner == "other" or (_is_gateway_id(form, profile) and owner != "unsure")
    if (form.foreign or form.charge) and not is_settled:
        return "recurring" if form.charge else "other"
    if form.vipps_api and owner != "other":
        is_bank = normalize_word(form.vipps_api).replace(" ", "") == "banktransfer"
        if is_bank and owner != "recurring":
            return "bank_transfer"
        if owner == "bank_transfer":
            return "own"
    return owner


def _find_owner_of_cells(part: str, form: _Form, profile: Profile) -> Owner:
    """Return the owner by the method's cell, or by the title if the method does not decide it."""
    is_id = _is_gateway_id(form, profile)
    owner = find_owner(part, profile, is_id=is_id)
    owner_by_title = find_owner(form.title, profile, is_id=False) if form.method else ""
    # The title MobilePay is also another provider's, so it does not make an unknown id one's own.
    if owner == "unsure" and owner_by_title and not (is_id and owner_by_title == "own"):
        return owner_by_title
    # The id is vipps, and the title says that the customer took the bank transfer.
    return "bank_transfer" if owner == "own" and owner_by_title == "bank_transfer" else owner


def _is_gateway_id(form: _Form, profile: Profile) -> bool:
    """Return whether the method is a gateway's id and not a title: stripe_mobilepay, not Stripe."""
    if not re.fullmatch(r"[a-z0-9]+(?:[_:.-][a-z0-9]+)*", form.method):
        return False
    return bool(form.title) or profile.method_ids or not form.method.isalnum()


def _split_tenders(text: str, profile: Profile) -> list[str]:
    separator = profile.tender_separator
    return [part for part in (text.split(separator) if separator else [text]) if part.strip()]


def _is_named_own(plain: str, tokens: list[str]) -> bool:
    return any(token in _load_words()["own"] for token in tokens) or any(
        name in plain for name in ("vipps", "mobilepay", "mobile pay")
    )


def _names_provider(heading: str, plain: str, tokens: list[str]) -> bool:
    words = _load_words()
    return any(name in heading or name in plain for name in words["providers"]) or any(
        token in words["provider_words"] for token in tokens
    )


def _is_listed(plain: str, tokens: list[str]) -> bool:
    """Return whether a title without Vipps MobilePay's name is a known other tender."""
    listed = _load_words()["tenders"]
    return any(token in listed for token in tokens) or any(
        f" {phrase} " in f" {plain} " for phrase in listed if " " in phrase
    )


@cache
def _load_words() -> Mapping[str, Any]:
    text = (resources.files("vippsrecon.sources.orders.fields") / "tenders.toml").read_text("utf-8")
    return tomllib.loads(text)
