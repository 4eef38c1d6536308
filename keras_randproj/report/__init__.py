"""What a model or a file holds: parameters, bytes, and whether it is whole."""

from keras_randproj.files import Verdict as Verdict
from keras_randproj.files import verify as verify
from keras_randproj.report.bit_efficiency import (
    bit_efficiency as bit_efficiency,
)
from keras_randproj.report.cost import Cost as Cost
from keras_randproj.report.cost import cost as cost
from keras_randproj.report.summary import Row as Row
from keras_randproj.report.summary import Summary as Summary
from keras_randproj.report.summary import summary as summary

__all__ = [
    "Cost",
    "Row",
    "Summary",
    "Verdict",
    "bit_efficiency",
    "cost",
    "summary",
    "verify",
]
