"""Names and identity documents: values and their checks, without any I/O (R9, and the masking of R10)."""
