"""Made-up input for the demo, the benchmarks and the tests: no one in it exists."""
