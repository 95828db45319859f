//! Use cases: issue, rotate, revoke, users, groups, audit.
