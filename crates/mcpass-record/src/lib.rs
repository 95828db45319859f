//! The journal of the access log.
