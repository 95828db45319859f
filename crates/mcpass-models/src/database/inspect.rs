//! Reading a catalogue from a live database.

pub(super) mod names;
