"""Files of vouchers for accounting systems."""
