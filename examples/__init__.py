"""Made-up input for the demo, the benchmarks and the tests: nobody in it exists."""
