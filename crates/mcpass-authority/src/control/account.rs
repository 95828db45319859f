//! Accounts of the operating system by name, for the audit log.

use std::fs;

/// The name of the account that this process runs as.
pub fn own_account() -> String {
    account_name(rustix::process::geteuid().as_raw())
}

/// The name of an account as `/etc/passwd` has it, otherwise `uid-1000`: a name from elsewhere
/// (a directory service) is not looked up, because that could take long or load foreign code.
pub fn account_name(uid: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&accounts, uid).unwrap_or_else(|| format!("uid-{uid}"))
}

/// passwd(5): `name:password:uid:…`.
fn name_in(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\n# comment\nana:x:1000:1000:Ana,,,:/home/ana\n";
        assert_eq!(name_in(accounts, 0).as_deref(), Some("root"));
        assert_eq!(name_in(accounts, 1_000).as_deref(), Some("ana"));
        assert_eq!(name_in(accounts, 1), None);
        assert_eq!(name_in("", 0), None);
    }
}
