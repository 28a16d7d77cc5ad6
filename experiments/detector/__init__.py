"""How good the audit's own detector is, on claims that people labelled, and what that makes of the rates it reports."""
