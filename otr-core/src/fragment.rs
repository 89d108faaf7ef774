//! Fragmentation: long lines cut for the network, and put together again.
