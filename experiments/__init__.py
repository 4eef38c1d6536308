"""Scripts that reproduce a claim, and write what they found as JSON."""
