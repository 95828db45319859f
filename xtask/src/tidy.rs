//! The invariants of `ARCHITECTURE.md` that a program can check.

mod edges;
mod files;
mod licences;
mod manifests;
mod metadata;
mod spdx;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use metadata::Metadata;

/// Something that is not as it has to be.
pub(crate) struct Finding {
    /// A file, a crate, or a line of a file.
    place: String,
    /// What is wrong there, and what to do.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

/// Runs all checks, prints what they find, and fails if they find anything.
///
/// # Errors
/// When a check could not be made at all.
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let metadata = Metadata::load(root)?;
    let files = files::tracked(root)?;
    let policy = licences::Policy::load(root)?;
    let findings: Vec<Finding> = [
        edges::check(&metadata),
        files::check(root, &files)?,
        manifests::check(root, &metadata)?,
        licences::check(&metadata, &policy),
        files::check_documents(root, &metadata),
    ]
    .into_iter()
    .flatten()
    .collect();

    for finding in &findings {
        println!("{}: {}", finding.place, finding.message);
    }
    for note in licences::duplicates(&metadata) {
        println!("note: {note}");
    }
    println!(
        "tidy: {} files, {} crates, {} findings",
        files.len(),
        metadata.packages.len(),
        findings.len()
    );
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
