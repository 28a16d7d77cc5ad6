"""A blinded sheet of an audit's claims for two human readers, and what their labels make of the audit's rates."""
