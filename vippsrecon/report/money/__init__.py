"""What a report shows of money on its way from the payment to the bank."""
