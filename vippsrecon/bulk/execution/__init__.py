"""Carry out an approved plan: read, check, record the intention, send, establish the outcome.

The modules, in reading order:

    carry_out          one live run of a plan: preconditions, plan lock, rows, result
    dry_run            the same without sending: what a live run would do now
    preconditions      checks on the plan and the settings before any payment is read
    context            what all rows of one run share, and how long to wait
    plan_journal       what one run reads and writes of the workspace database
    clock              the run's clocks, and the notice that a row waits

    row/prepare        one row: read the payment, check the row, record the intention
    row/checks         the checks every row must pass immediately before its request
    row/caps           the caps on sums per run and per day
    row/operations     refund, capture and cancel: request, event, effect on the totals
    row/send           send the request; after a wait read, check and record again; the outcome
    row/backoff        the waits between two requests or two readings
    row/responses      what each answer of Vipps MobilePay means
    row/evidence       what a reading proves about an operation
    row/record         the planner's data of a row in its journal entries

    workers/pool             how many rows are in progress at once; Ctrl-C
    workers/circuit_breaker  stop a run in which too many rows fail

    journal_writer     the one writer of the journal; it also renews the plan lock
    row_result         the outcome of one row
    run_result         the outcome of one run
"""
