"""The scenes of a month, one small function each, grouped by the question they exercise.

Every case function takes a `Slot` and returns a `Scene`: order rows, payments, and truth rows.
Its docstring names the rule (`rules.md` §1 to §5). The letters are that page's: O order total,
Or refunded by the shop, A, C, R, X authorized, captured, refunded, cancelled, K still reserved.
"""
