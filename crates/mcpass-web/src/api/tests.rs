//! The document; every operation for every kind of caller; the forms of errors.

mod callers;
mod forms;
mod people;
mod strict;
mod world;

pub(crate) use self::world::Well;

use super::*;

fn document() -> String {
    let (_, document) = operations().split_for_parts();
    document::finish(document)
}

#[test]
fn the_document_is_as_it_was() {
    insta::assert_snapshot!("openapi", document());
}
