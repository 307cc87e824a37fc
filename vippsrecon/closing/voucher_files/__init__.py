"""Write vouchers as the file that an accounting system imports."""

from vippsrecon.closing.voucher_files.forms import VOUCHER_FORMS, render_vouchers

__all__ = ["VOUCHER_FORMS", "render_vouchers"]
