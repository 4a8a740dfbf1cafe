"""Pages anyone may open: the answer to a scan, the other ways to check, and what makes them work offline."""
