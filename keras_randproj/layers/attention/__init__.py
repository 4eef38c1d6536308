"""Multi-head attention whose projections come from a seed."""
