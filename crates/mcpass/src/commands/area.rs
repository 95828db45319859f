//! `--area`: what a token may do with the workspace, by the six areas of its documentation.

use mcpass_models::workspace::areas::Area;

use crate::failure::Failure;

/// What `--help` says, with what areas are.
pub(super) fn help(before: &str) -> String {
    format!("{before}\n\n{HELP}")
}

/// The permissions that areas stand for, each once.
///
/// # Errors
/// When a text is no area.
pub(super) fn permissions(areas: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for text in areas {
        let area: Area = text.parse().map_err(|error| {
            Failure::usage(format!("{error}"))
                .with_hint("for example --area features:write --area products:read")
        })?;
        for permission in area.permissions() {
            if !all.contains(&permission) {
                all.push(permission);
            }
        }
    }
    Ok(all)
}

/// Permissions, and those that areas stand for.
///
/// # Errors
/// When a text is no area.
pub(super) fn with(permissions: Vec<String>, areas: &[String]) -> Result<Vec<String>, Failure> {
    Ok([permissions, self::permissions(areas)?].concat())
}

/// The same where nothing means that nothing is to change.
///
/// # Errors
/// When a text is no area.
pub(super) fn with_any(
    permissions: Option<Vec<String>>,
    areas: Option<Vec<String>>,
) -> Result<Option<Vec<String>>, Failure> {
    match (permissions, areas) {
        (permissions, None) => Ok(permissions),
        (permissions, Some(areas)) => with(permissions.unwrap_or_default(), &areas).map(Some),
    }
}

const HELP: &str = "\
An area of the workspace is products, features, user_stories, test_cases, test_reports or
checklists, with :read, or with :write for both. It stands for the permissions of its tools at the
server `workspace`; SERVER/AREA:read means a workspace of another name.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_become_permissions_each_once() {
        let areas = ["products:read", "products:write"].map(str::to_owned);
        let all = permissions(&areas).unwrap();
        assert!(all.contains(&"workspace.products_delete".to_owned()));
        let trails = all.iter().filter(|each| *each == "workspace.audit_trail");
        assert_eq!(trails.count(), 1);
        assert_eq!(with(vec!["a.b".to_owned()], &[]).unwrap(), ["a.b"]);
        assert_eq!(with_any(None, None).unwrap(), None);
        let areas = Some(vec!["w/features:read".to_owned()]);
        let some = with_any(None, areas).unwrap().unwrap();
        assert!(some.iter().all(|permission| permission.starts_with("w.")));
        assert!(permissions(&["features".to_owned()]).is_err());
    }
}
