"""Trained networks; `README.md` has a card for each."""
