//! Schemathesis, which makes requests of an OpenAPI document and holds the answers against it.

use std::path::Path;

use anyhow::Result;
use tokio::process::Command;

use super::{installed, root, run};
use crate::mcpass::Finished;

/// Runs it against the document at `url`, in `folder`; the same `seed` makes the same requests.
///
/// Answers have to be no 5xx, and of a status, a content type, headers and a schema that the
/// document has for the operation. `left_out` are paths that are not asked for.
///
/// # Errors
/// When it cannot be run or does not end.
pub async fn schemathesis(
    url: &str,
    token: &str,
    (examples, seed): (u32, u32),
    left_out: &[&str],
    folder: &Path,
) -> Result<Finished> {
    const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                          response_headers_conformance,response_schema_conformance";
    let program = installed(&root()?.join(".test-tools/schemathesis/bin/schemathesis"))?;
    let mut command = Command::new(program);
    command.args(["run", url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--mode", "all", "--continue-on-failure", "--request-timeout", "20"]);
    command.args(["--generation-database", "none", "--no-color", "--max-failures", "20"]);
    for path in left_out {
        command.args(["--exclude-path", path]);
    }
    command.current_dir(folder);
    run(command).await
}
