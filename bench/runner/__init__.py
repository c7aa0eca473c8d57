"""Puts the programs of bench/ to work: see bench/run."""
