//! Emergency key management: the newest session keys, sealed and durable.
