//! Offline message detection: what a received OTR message is.
