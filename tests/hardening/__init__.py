"""What strangers' files, killed processes and random arguments do to us."""
