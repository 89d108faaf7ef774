//! The text layer: what a line is, queries, whitespace tags, error messages, base64 armour.
