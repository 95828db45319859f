//! Pages and JSON for people and operations.
