"""Numbers that a metric in the training graph and its numpy twin in eval share."""

DELTA = 1.25  # δ1 counts max(predicted / true, true / predicted) below it.
