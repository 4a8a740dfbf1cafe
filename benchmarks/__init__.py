"""Benchmarks: each prints its figures beside what is promised; `certsvc bench` runs them all."""
