"""Metrics in numpy, by the rules of the official evaluators.

One file a task. Each metric is an accumulator (`accumulate.Accumulator`): `add` takes
one picture's prediction and truth, `result` gives the numbers of all so far.
"""
