"""Dense layers on random features of their input."""
