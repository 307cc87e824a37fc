"""The schema of a payment request, as data, and the small walker that checks it.

Source: https://developer.vippsmobilepay.com/api/epayment/#operation/createPayment (1.8.1, with
the fields announced since)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one value has to be."""

    kind: str
    required: bool = False
    nullable: bool = False
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    fields: dict[str, Rule] = field(default_factory=dict)
    items: Rule | None = None


_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "list": (list,),
    "map": (dict,),
}


def broken(value: Any, rule: Rule, where: str) -> Fields:
    """Return every field that breaks its rule, each with a reason."""
    if value is None and rule.nullable:
        return []
    if type(value) not in _KINDS[rule.kind]:
        return [(where or "$", f"Has to be of the type {rule.kind}.")]
    if rule.kind == "object":
        return _object(value, rule, where)
    if rule.kind == "list":
        return _list(value, rule, where)
    return _scalar(value, rule, where)


def _object(value: dict[str, Any], rule: Rule, where: str) -> Fields:
    bad: Fields = []
    for name, one in rule.fields.items():
        path = f"{where}.{name}" if where else name
        if name in value:
            bad += broken(value[name], one, path)
        elif one.required:
            bad.append((path, "Is required."))
    for name in value.keys() - rule.fields.keys():
        bad.append((f"{where}.{name}" if where else name, "Is not a known field."))
    return bad


def _list(value: list[Any], rule: Rule, where: str) -> Fields:
    if rule.low is not None and len(value) < rule.low:
        return [(where, f"Has to have at least {rule.low} items.")]
    if rule.items is None:
        return []
    return [bad for n, one in enumerate(value) for bad in broken(one, rule.items, f"{where}[{n}]")]


def _scalar(value: Any, rule: Rule, where: str) -> Fields:
    size = len(value) if isinstance(value, str) else value
    if rule.low is not None and size < rule.low:
        return [(where, f"Has to be {rule.low} or more.")]
    if rule.high is not None and size > rule.high:
        return [(where, f"Has to be {rule.high} or less.")]
    if rule.pattern is not None and not re.fullmatch(rule.pattern, value):
        return [(where, f"Has to match {rule.pattern}.")]
    if rule.choices and value not in rule.choices:
        return [(where, f"Has to be one of {', '.join(rule.choices)}.")]
    return []


def _text(low: int | None = None, high: int | None = None, **more: Any) -> Rule:
    return Rule("text", low=low, high=high, **more)


def _choice(*choices: str, **more: Any) -> Rule:
    return Rule("text", choices=choices, **more)


def _object_of(required: bool = False, nullable: bool = False, /, **fields: Rule) -> Rule:
    return Rule("object", required=required, nullable=nullable, fields=fields)


_MONEY = Rule("integer")
_OPTIONAL_MONEY = Rule("integer", nullable=True, low=0)
_OPTIONAL_TEXT = _text(nullable=True)
_OPTIONAL_FLAG = Rule("boolean", nullable=True)
_CURRENCY = _choice("NOK", "DKK", "EUR", "SEK", "USD", "GBP", required=True)
# The value is left to the amount check, for what is wrong with it has codes of its own.
_AMOUNT = _object_of(True, currency=_CURRENCY, value=Rule("integer", required=True, low=0))

_ORDER_LINE = _object_of(
    name=_text(required=True),
    id=_text(required=True),
    totalAmount=Rule("integer", required=True),
    totalAmountExcludingTax=Rule("integer", required=True),
    totalTaxAmount=Rule("integer", required=True),
    taxPercentage=Rule("integer", nullable=True, low=0, high=100),
    taxRate=Rule("integer", nullable=True, low=0, high=10_000),
    unitInfo=_object_of(
        unitPrice=Rule("integer", required=True, nullable=True, low=0),
        quantity=_text(None, 10, required=True, pattern=r"[0-9]+(\.[0-9]{1,8})?"),
        quantityUnit=_choice("PCS", "KG", "KM", "MINUTE", "LITRE", "KWH", nullable=True),
    ),
    discount=_OPTIONAL_MONEY,
    productUrl=_OPTIONAL_TEXT,
    isReturn=_OPTIONAL_FLAG,
    isShipping=_OPTIONAL_FLAG,
)
_BOTTOM_LINE = _object_of(
    True,
    currency=_CURRENCY,
    tipAmount=_OPTIONAL_MONEY,
    giftCardAmount=_OPTIONAL_MONEY,
    posId=_OPTIONAL_TEXT,
    totalAmount=Rule("integer", nullable=True),
    totalTax=_OPTIONAL_MONEY,
    totalDiscount=_OPTIONAL_MONEY,
    shippingAmount=_OPTIONAL_MONEY,
    shippingInfo=_object_of(
        amount=Rule("integer", required=True, nullable=True, low=0),
        amountExcludingTax=Rule("integer", required=True, nullable=True, low=0),
        taxAmount=Rule("integer", required=True, nullable=True, low=0),
        taxPercentage=Rule("integer", required=True, nullable=True, low=0, high=100),
    ),
    paymentSources=_object_of(
        giftCard=Rule("integer", nullable=True),
        card=Rule("integer", nullable=True),
        voucher=Rule("integer", nullable=True),
        cash=Rule("integer", nullable=True),
    ),
    barcode=_object_of(
        format=_choice("EAN-13", "CODE 39", "CODE 128", required=True, nullable=True),
        data=_text(required=True, nullable=True),
    ),
    receiptNumber=_OPTIONAL_TEXT,
    terminalId=_OPTIONAL_TEXT,
)
_SHIPPING_OPTION = _object_of(
    id=_text(required=True),
    isDefault=Rule("boolean"),
    amount=_AMOUNT,
    name=_text(required=True),
    priority=Rule("integer"),
    meta=_text(),
    estimatedDelivery=_text(),
)
_SHIPPING_GROUP = _object_of(
    isDefault=Rule("boolean"),
    priority=Rule("integer"),
    type=_choice("HOME_DELIVERY", "PICKUP_POINT", "MAILBOX", "IN_STORE", "OTHER", required=True),
    brand=_choice(
        *("POSTEN", "BRING", "POSTNORD", "HELTHJEM", "PORTERBUDDY", "DHL", "INSTABOX"),
        *("FEDEX", "MATKAHUOLTO", "GLS", "POSTI", "GORDON", "OTHER"),
        required=True,
    ),
    options=Rule("list", required=True, items=_SHIPPING_OPTION),
)

CREATE_PAYMENT = _object_of(
    amount=_object_of(True, currency=_CURRENCY, value=Rule("integer", required=True)),
    paymentMethod=_object_of(
        True,
        type=_text(required=True),
        blockedSources=Rule("list", items=_choice("COMMERCIAL_CARDS")),
    ),
    reference=_text(required=True, pattern=r"[a-zA-Z0-9-]{8,64}"),
    userFlow=_choice("PUSH_MESSAGE", "NATIVE_REDIRECT", "WEB_REDIRECT", "QR", required=True),
    customer=_object_of(phoneNumber=_text(), personalQr=_text(), customerToken=_text()),
    minimumUserAge=Rule("integer", nullable=True, low=0, high=100),
    customerInteraction=_choice("CUSTOMER_PRESENT", "CUSTOMER_NOT_PRESENT"),
    industryData=_object_of(
        airlineData=_object_of(
            agencyInvoiceNumber=_text(1, 6, required=True),
            airlineCode=_text(3, 3, required=True),
            airlineDesignatorCode=_text(2, 2, required=True),
            passengerName=_text(1, 49, required=True),
            ticketNumber=_text(1, 150),
        )
    ),
    profile=_object_of(scope=_text()),
    returnUrl=_text(None, 2500),
    expiresAt=_text(
        nullable=True,
        pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
        r"([Zz]|[+-](2[0-3]|[01][0-9]):[0-5][0-9])",
    ),
    qrFormat=_object_of(
        False,
        True,
        format=_choice("TEXT/TARGETURL", "IMAGE/SVG+XML", "IMAGE/PNG", required=True),
        size=Rule("integer", nullable=True, low=100, high=2000),
    ),
    paymentDescription=_text(3, 100),
    receipt=_object_of(
        orderLines=Rule("list", required=True, low=1, items=_ORDER_LINE), bottomLine=_BOTTOM_LINE
    ),
    metadata=Rule("map", nullable=True),
    receiptUrl=_OPTIONAL_TEXT,
    shipping=_object_of(
        dynamicOptions=_object_of(
            callbackUrl=_text(required=True), callbackAuthorizationToken=_text()
        ),
        fixedOptions=Rule("list", items=_SHIPPING_GROUP),
        allowedCountries=Rule("list", items=_text(2, 2)),
    ),
    cardPassthrough=_object_of(
        pspReference=_text(None, 64, required=True),
        cardCallbackUrl=_text(required=True),
        allowedCardTypes=Rule(
            "list",
            required=True,
            items=_choice("VISA_DEBIT", "VISA_CREDIT", "MC_CREDIT", "MC_DEBIT", "DANKORT"),
        ),
        preferVisaPartOfVisaDankort=Rule("boolean"),
        publicEncryptionKeyId=_text(),
    ),
    merchantLegalLinks=_object_of(termsOfSaleUrl=_text(), privacyPolicyUrl=_text()),
)
