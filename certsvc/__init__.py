"""certsvc: electronic certificates, from the rolls to a scan that ends on a true answer.

What is where: `docs/architecture.md`. The rules (R0–R11) are explained in `docs/rules.md`.
"""

__version__ = "0.1.0"
