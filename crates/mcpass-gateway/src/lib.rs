//! The way of a request from token to upstream and back.
