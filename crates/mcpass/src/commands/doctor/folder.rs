//! The data folder: whose it is, who can read it, and how much room there is.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::Finding;
use crate::config::{Config, DatabaseUrl};
use crate::data::DataFolder;

const AREA: &str = "data folder";
/// Less room than this stops the record, and with it all access, within a day or so.
const LITTLE: u64 = 1 << 30;
/// Less room than this stops it at once.
const NOTHING: u64 = 64 << 20;

/// What can be seen of the folder without opening the database.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let path = &config.data.value;
    let Ok(metadata) = std::fs::metadata(path) else {
        let text = format!("`{}` is not there yet; the first command creates it", path.display());
        return vec![Finding::note(AREA, text)];
    };
    if !metadata.is_dir() {
        return vec![Finding::broken(
            AREA,
            format!("`{}` is no folder", path.display()),
            "choose another with --data DIR or MCPASS_DATA",
        )];
    }
    let mut findings = Vec::new();
    findings.extend(owner(path, &metadata));
    findings.extend(private(path, &metadata, "700"));
    if let DatabaseUrl::Sqlite(database) = &config.database.value
        && let Ok(metadata) = std::fs::metadata(database)
    {
        findings.extend(owner(database, &metadata));
        findings.extend(private(database, &metadata, "600"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(AREA, format!("`{}` is its owner's alone", path.display())));
    }
    findings.extend(room(path));
    findings.extend(long_socket_path(path));
    findings
}

fn owner(path: &Path, metadata: &Metadata) -> Option<Finding> {
    let own = rustix::process::geteuid().as_raw();
    (metadata.uid() != own).then(|| {
        Finding::warning(
            AREA,
            format!(
                "`{}` belongs to uid {}, and this is uid {own}",
                path.display(),
                metadata.uid()
            ),
            "run mcpass as the account that owns it, or change the owner with chown -R",
        )
    })
}

fn private(path: &Path, metadata: &Metadata, wanted: &str) -> Option<Finding> {
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        Finding::broken(
            AREA,
            format!("others than its owner can reach `{}` (mode {mode:o})", path.display()),
            format!("chmod {wanted} {}", path.display()),
        )
    })
}

fn room(path: &Path) -> Option<Finding> {
    let system = rustix::fs::statvfs(path).ok()?;
    Some(judge_room(system.f_bavail.saturating_mul(system.f_frsize)))
}

fn judge_room(free: u64) -> Finding {
    let text = match free >> 20 {
        mib @ 0..10_240 => format!("{mib} MiB free"),
        mib => format!("{} GiB free", mib >> 10),
    };
    let mend = "make room: without a record there is no access (record.retention_days bounds it)";
    match free {
        NOTHING..LITTLE => Finding::warning(AREA, text, mend),
        ..NOTHING => Finding::broken(AREA, text, mend),
        _ => Finding::ok(AREA, text),
    }
}

/// The name of a Unix socket has at most 107 bytes (unix(7)).
fn long_socket_path(path: &Path) -> Option<Finding> {
    let socket = DataFolder::existing(path)?.socket();
    let length = socket.as_os_str().len();
    (length > 107)
        .then(|| Finding::note(AREA, format!("the control socket's path is long ({length} bytes)")))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn room_is_judged() {
        assert_eq!(judge_room(10 << 30).level, Level::Ok);
        assert_eq!(judge_room(LITTLE - 1).level, Level::Warning);
        assert_eq!(judge_room(NOTHING - 1).level, Level::Broken);
        assert_eq!(judge_room(3 << 30).text, "3072 MiB free");
        assert_eq!(judge_room(70 << 30).text, "70 GiB free");
    }
}
