"""Who earns a certificate: values in, decision out; every function takes its dates and reads no clock (R0–R6)."""

from certsvc.rules.explain import explain_json

__all__ = ["explain_json"]
