"""The schema of a CreatePaymentRequest as data, and the function that checks it.

Source: https://developer.vippsmobilepay.com/api/epayment/#operation/createPayment (1.8.1, with
the fields announced since)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

FieldErrors = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The rule for one value."""

    kind: str
    required: bool = False
    nullable: bool = False
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    fields: dict[str, FieldRule] = field(default_factory=dict)
    items: FieldRule | None = None


_TYPES_BY_KIND: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "list": (list,),
    "map": (dict,),
}


def find_field_errors(value: Any, rule: FieldRule, where: str) -> FieldErrors:
    """Return every field that breaks its rule, each with a reason."""
    if value is None and rule.nullable:
        return []
    if type(value) not in _TYPES_BY_KIND[rule.kind]:
        return [(where or "$", f"Has to be of the type {rule.kind}.")]
    if rule.kind == "object":
        return _check_object(value, rule, where)
    if rule.kind == "list":
        return _check_list(value, rule, where)
    return _check_scalar(value, rule, where)


def _check_object(value: dict[str, Any], rule: FieldRule, where: str) -> FieldErrors:
    bad: FieldErrors = []
    for name, field_rule in rule.fields.items():
        path = f"{where}.{name}" if where else name
        if name in value:
            bad += find_field_errors(value[name], field_rule, path)
        elif field_rule.required:
            bad.append((path, "Is required."))
    for name in value.keys() - rule.fields.keys():
        bad.append((f"{where}.{name}" if where else name, "Is not a known field."))
    return bad


def _check_list(value: list[Any], rule: FieldRule, where: str) -> FieldErrors:
    if rule.low is not None and len(value) < rule.low:
        return [(where, f"Has to have at least {rule.low} items.")]
    if rule.items is None:
        return []
    return [
        bad
        for position, item in enumerate(value)
        for bad in find_field_errors(item, rule.items, f"{where}[{position}]")
    ]


def _check_scalar(value: Any, rule: FieldRule, where: str) -> FieldErrors:
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


def _text_rule(low: int | None = None, high: int | None = None, **more: Any) -> FieldRule:
    return FieldRule("text", low=low, high=high, **more)


def _choice_rule(*choices: str, **more: Any) -> FieldRule:
    return FieldRule("text", choices=choices, **more)


def _object_rule(
    required: bool = False, nullable: bool = False, /, **fields: FieldRule
) -> FieldRule:
    return FieldRule("object", required=required, nullable=nullable, fields=fields)


_MONEY = FieldRule("integer")
_OPTIONAL_MONEY = FieldRule("integer", nullable=True, low=0)
_OPTIONAL_TEXT = _text_rule(nullable=True)
_OPTIONAL_FLAG = FieldRule("boolean", nullable=True)
_CURRENCY = _choice_rule("NOK", "DKK", "EUR", "SEK", "USD", "GBP", required=True)
# The value is checked by `parse_amount`, because its errors have their own codes.
_AMOUNT = _object_rule(True, currency=_CURRENCY, value=FieldRule("integer", required=True, low=0))

_ORDER_LINE = _object_rule(
    name=_text_rule(required=True),
    id=_text_rule(required=True),
    totalAmount=FieldRule("integer", required=True),
    totalAmountExcludingTax=FieldRule("integer", required=True),
    totalTaxAmount=FieldRule("integer", required=True),
    taxPercentage=FieldRule("integer", nullable=True, low=0, high=100),
    taxRate=FieldRule("integer", nullable=True, low=0, high=10_000),
    unitInfo=_object_rule(
        unitPrice=FieldRule("integer", required=True, nullable=True, low=0),
        quantity=_text_rule(None, 10, required=True, pattern=r"[0-9]+(\.[0-9]{1,8})?"),
        quantityUnit=_choice_rule("PCS", "KG", "KM", "MINUTE", "LITRE", "KWH", nullable=True),
    ),
    discount=_OPTIONAL_MONEY,
    productUrl=_OPTIONAL_TEXT,
    isReturn=_OPTIONAL_FLAG,
    isShipping=_OPTIONAL_FLAG,
)
_BOTTOM_LINE = _object_rule(
    True,
    currency=_CURRENCY,
    tipAmount=_OPTIONAL_MONEY,
    giftCardAmount=_OPTIONAL_MONEY,
    posId=_OPTIONAL_TEXT,
    totalAmount=FieldRule("integer", nullable=True),
    totalTax=_OPTIONAL_MONEY,
    totalDiscount=_OPTIONAL_MONEY,
    shippingAmount=_OPTIONAL_MONEY,
    shippingInfo=_object_rule(
        amount=FieldRule("integer", required=True, nullable=True, low=0),
        amountExcludingTax=FieldRule("integer", required=True, nullable=True, low=0),
        taxAmount=FieldRule("integer", required=True, nullable=True, low=0),
        taxPercentage=FieldRule("integer", required=True, nullable=True, low=0, high=100),
    ),
    paymentSources=_object_rule(
        giftCard=FieldRule("integer", nullable=True),
        card=FieldRule("integer", nullable=True),
        voucher=FieldRule("integer", nullable=True),
        cash=FieldRule("integer", nullable=True),
    ),
    barcode=_object_rule(
        format=_choice_rule("EAN-13", "CODE 39", "CODE 128", required=True, nullable=True),
        data=_text_rule(required=True, nullable=True),
    ),
    receiptNumber=_OPTIONAL_TEXT,
    terminalId=_OPTIONAL_TEXT,
)
_SHIPPING_OPTION = _object_rule(
    id=_text_rule(required=True),
    isDefault=FieldRule("boolean"),
    amount=_AMOUNT,
    name=_text_rule(required=True),
    priority=FieldRule("integer"),
    meta=_text_rule(),
    estimatedDelivery=_text_rule(),
)
_SHIPPING_GROUP = _object_rule(
    isDefault=FieldRule("boolean"),
    priority=FieldRule("integer"),
    type=_choice_rule(
        "HOME_DELIVERY", "PICKUP_POINT", "MAILBOX", "IN_STORE", "OTHER", required=True
    ),
    brand=_choice_rule(
        *("POSTEN", "BRING", "POSTNORD", "HELTHJEM", "PORTERBUDDY", "DHL", "INSTABOX"),
        *("FEDEX", "MATKAHUOLTO", "GLS", "POSTI", "GORDON", "OTHER"),
        required=True,
    ),
    options=FieldRule("list", required=True, items=_SHIPPING_OPTION),
)

CREATE_PAYMENT_SCHEMA = _object_rule(
    amount=_object_rule(True, currency=_CURRENCY, value=FieldRule("integer", required=True)),
    paymentMethod=_object_rule(
        True,
        type=_text_rule(required=True),
        blockedSources=FieldRule("list", items=_choice_rule("COMMERCIAL_CARDS")),
    ),
    reference=_text_rule(required=True, pattern=r"[a-zA-Z0-9-]{8,64}"),
    userFlow=_choice_rule("PUSH_MESSAGE", "NATIVE_REDIRECT", "WEB_REDIRECT", "QR", required=True),
    customer=_object_rule(
        phoneNumber=_text_rule(), personalQr=_text_rule(), customerToken=_text_rule()
    ),
    minimumUserAge=FieldRule("integer", nullable=True, low=0, high=100),
    customerInteraction=_choice_rule("CUSTOMER_PRESENT", "CUSTOMER_NOT_PRESENT"),
    industryData=_object_rule(
        airlineData=_object_rule(
            agencyInvoiceNumber=_text_rule(1, 6, required=True),
            airlineCode=_text_rule(3, 3, required=True),
            airlineDesignatorCode=_text_rule(2, 2, required=True),
            passengerName=_text_rule(1, 49, required=True),
            ticketNumber=_text_rule(1, 150),
        )
    ),
    profile=_object_rule(scope=_text_rule()),
    returnUrl=_text_rule(None, 2500),
    expiresAt=_text_rule(
        nullable=True,
        pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
        r"([Zz]|[+-](2[0-3]|[01][0-9]):[0-5][0-9])",
    ),
    qrFormat=_object_rule(
        False,
        True,
        format=_choice_rule("TEXT/TARGETURL", "IMAGE/SVG+XML", "IMAGE/PNG", required=True),
        size=FieldRule("integer", nullable=True, low=100, high=2000),
    ),
    paymentDescription=_text_rule(3, 100),
    receipt=_object_rule(
        orderLines=FieldRule("list", required=True, low=1, items=_ORDER_LINE),
        bottomLine=_BOTTOM_LINE,
    ),
    metadata=FieldRule("map", nullable=True),
    receiptUrl=_OPTIONAL_TEXT,
    shipping=_object_rule(
        dynamicOptions=_object_rule(
            callbackUrl=_text_rule(required=True), callbackAuthorizationToken=_text_rule()
        ),
        fixedOptions=FieldRule("list", items=_SHIPPING_GROUP),
        allowedCountries=FieldRule("list", items=_text_rule(2, 2)),
    ),
    cardPassthrough=_object_rule(
        pspReference=_text_rule(None, 64, required=True),
        cardCallbackUrl=_text_rule(required=True),
        allowedCardTypes=FieldRule(
            "list",
            required=True,
            items=_choice_rule("VISA_DEBIT", "VISA_CREDIT", "MC_CREDIT", "MC_DEBIT", "DANKORT"),
        ),
        preferVisaPartOfVisaDankort=FieldRule("boolean"),
        publicEncryptionKeyId=_text_rule(),
    ),
    merchantLegalLinks=_object_rule(termsOfSaleUrl=_text_rule(), privacyPolicyUrl=_text_rule()),
)
