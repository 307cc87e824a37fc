"""Plant customer data and secrets in every field of the APIs and of exports that can carry them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from tests.privacy.markers import (
    BIRTH_DATE,
    CITY,
    EMAIL,
    FIRST_NAME,
    LAST_NAME,
    MESSAGE,
    NAME,
    PHONES,
    SECRETS,
    STREET,
)

CLIENT_ID = "client-of-the-privacy-test"
CUSTOMER_COLUMNS = {
    "Customer": NAME,
    "Customer first name": FIRST_NAME,
    "Customer last name": LAST_NAME,
    "Kundenavn": NAME,
    "Customer email": EMAIL,
    "E-post": EMAIL,
    "Phone number": PHONES[6],
    "Telefon": PHONES[4],
    "Mobil": PHONES[1],
    "Delivery address": f"{STREET}, {CITY}",
    "Leveringsadresse": f"{STREET}\n0150 {CITY}",
    "Customer note": MESSAGE,
    "Melding": f"{MESSAGE}: ring {PHONES[5]}",
}
"""Columns that people add to an export or a list, with their cells."""

_ORDER_WORDS = {
    "email": EMAIL,
    "phone": PHONES[6],
    "name": NAME,
    "street": STREET,
    "address": STREET,
    "address1": STREET,
    "address2": f"c/o {NAME}",
    "company": f"{LAST_NAME} AS",
    "city": CITY,
    "notes": f"{MESSAGE}, {PHONES[5]}",
    "note": f"{MESSAGE}, {PHONES[5]}",
    "attributes": f"Gift for {NAME}",
    "tags": NAME,
    "employee": NAME,
    "firstname": FIRST_NAME,
    "lastname": LAST_NAME,
}
"""Last word of a heading to what a cell below it holds."""


def plant_in_export(path: Path) -> None:
    """Fill the customer columns that an export has, and add further ones behind them."""
    written = path.stat()
    with path.open(encoding="utf-8", newline="") as file:
        headings, *rows = csv.reader(file)
    planted = [headings + list(CUSTOMER_COLUMNS)]
    for row in rows:
        cells = [_plant_cell(*pair) for pair in zip(headings, row, strict=True)]
        planted.append(cells + list(CUSTOMER_COLUMNS.values()))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(planted)
    os.utime(path, (written.st_atime, written.st_mtime))


def _plant_cell(heading: str, cell: str) -> str:
    # Shopify's "Name" is the number of the order, and the names of taxes are not people's.
    if heading == "Name" or heading.startswith(("Lineitem", "Tax ")):
        return cell
    return _ORDER_WORDS.get(heading.lower().replace("_", " ").split()[-1], cell)


def plant_in_state(path: Path) -> None:
    """Plant customer data in each answer of the simulator, and secrets in its sales units."""
    lines = [plant_in_line(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def plant_in_line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the simulator's state with planted data.

    The fields are those of `GET /epayment/v1/payments/{reference}` and of the Report API that
    hold data of the payer, and some that a later version may add.
    """
    address = {
        "addressLine1": STREET,
        "addressLine2": f"c/o {NAME}",
        "city": CITY,
        "country": "NO",
        "postCode": "0150",
    }
    if "payment" in line:
        line["payment"] |= {
            "customer": {"phoneNumber": PHONES[3], "customerToken": NAME},
            "metadata": {"customer": NAME, PHONES[0]: EMAIL, "note": MESSAGE},
            "paymentDescription": f"{MESSAGE} til {NAME}",
            "profile": {"sub": f"{LAST_NAME}-sub", "scope": f"name {EMAIL}"},
            "receipt": {"orderLines": [{"name": MESSAGE}]},
            "redirectUrl": f"https://shop.example/?token={SECRETS['token']}",
            "shippingDetails": {
                "address": address,
                "shippingMethodId": CITY,
                "firstName": FIRST_NAME,
                "phoneNumber": PHONES[1],
            },
            "userDetails": {
                "addresses": [address],
                "dateOfBirth": BIRTH_DATE,
                "email": EMAIL,
                "firstName": FIRST_NAME,
                "lastName": LAST_NAME,
                "mobileNumber": PHONES[3],
                "streetAddress": STREET,
            },
        }
        line["payment"].setdefault("paymentMethod", {}).update(
            {"cardHolder": NAME, "cardBin": PHONES[0]}
        )
        for event in line["events"]:
            event |= {
                "message": f"{MESSAGE}, {PHONES[4]}",
                "metadata": {"name": NAME},
                "modificationReason": MESSAGE,
                "userDetails": {"email": EMAIL},
            }
    if "entry" in line:
        line["entry"] |= {
            "name": NAME,
            "firstName": FIRST_NAME,
            "message": MESSAGE,
            "maskedPhoneNo": PHONES[0],
        }
    if "ledger" in line:
        line["ledger"]["owner"] = {"name": NAME, "email": EMAIL}
    if "sales_unit" in line:
        line["sales_unit"] |= {
            "client_id": CLIENT_ID,
            "client_secret": SECRETS["client secret"],
            "subscription_key": SECRETS["subscription key"],
        }
    return line


def write_settings(folder: Path, base_url: str) -> None:
    """Write `.env` and `vippsrecon.toml` as a merchant does, with secrets for other programs too."""
    (folder / ".env").write_text(
        f"""VIPPS_ENVIRONMENT=simulator
VIPPS_BASE_URL={base_url}
VIPPS_CLIENT_ID={CLIENT_ID}
SHOP_SECRET={SECRETS["client secret"]}
SHOP_KEY={SECRETS["subscription key"]}
VIPPSRECON_WEBHOOK_URL=https://hooks.example/{SECRETS["webhook address"]}
SMTP_USER={EMAIL}
SMTP_PASSWORD={SECRETS["mail password"]}
SHOP_OWNER={NAME}
""",
        encoding="utf-8",
    )
    (folder / "vippsrecon.toml").write_text(
        f"""# {NAME}, {PHONES[4]}
retry_seconds = 5

[[sales_unit]]
msn = "123456"
market = "NO"
client_secret_from = "SHOP_SECRET"
subscription_key_from = "SHOP_KEY"
""",
        encoding="utf-8",
    )
