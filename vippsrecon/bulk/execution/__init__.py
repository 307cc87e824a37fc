"""Carry out an approved plan: read, check, record the intention, send, establish the outcome.

The modules, in reading order:

    carry_out          one run of a plan: preconditions, plan lock, rows, result
    preconditions      checks on the plan and the settings before any payment is read
    context            what all rows of one run share, and how long to wait
    journal_access     the run's workspace database: open, check, release the plan lock
    worker_pool        how many rows are in progress at once; progress bar; Ctrl-C
    clock, backoff     the run's clocks, and the waits of one row
    circuit_breaker    stop a run in which too many rows fail

    prepare            one row: read the payment, check the row, record the intention
    row_checks         the checks every row must pass immediately before its request
    caps               the caps on sums per run and per day
    operations         refund, capture and cancel: request, event, effect on the totals
    send               send the request; after a wait read, check and record again; the outcome
    responses          what each answer of Vipps MobilePay means
    evidence           what a reading proves about an operation

    journal_writer     the one writer of the journal; it also renews the plan lock
    row_record         the planner's data of a row in its journal entries
    row_result         the outcome of one row
    run_result         the outcome of one run

    open_rows          rows without a final outcome, and a new reading of them
    settle             `vippsrecon journal settle`: resolve open rows without sending
"""
