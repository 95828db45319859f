//! Fields of requests as the domain types they mean.

use std::fmt::Display;
use std::str::FromStr;

use mcpass_domain::id;
use mcpass_domain::permission::MANAGEMENT;
use mcpass_domain::{
    Ask, CidrList, Group, GroupId, Limits, Permission, Target, Token, ToolClass, User, UserId,
};

use mcpass_store::{PageRequest, TokenFilter};

use crate::api::ApiError;
use crate::authorize::{Action, Reach};
use crate::catalogue;
use crate::failure::store_failed;
use crate::turn::Turn;

/// Permissions or networks of one thing at most, as of groups: every request looks through them.
const MAX_LIST: usize = Token::MAX_GROUPS;
/// Bytes of the permissions of one thing: lists of a thousand tokens show those of each, twice.
const MAX_PERMISSIONS: usize = 32_768;

/// Reads one field.
pub(crate) fn field<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error: T::Err| ApiError::invalid(name, error))
}

/// Reads the name of something that is made now. The console has pages of its own at `/users/new`
/// and the like, and a browser reads `.` and `..` in an address as places (RFC 3986 5.2.4). What
/// looks like an id, or like an operator in the audit log, would be taken for that.
pub(crate) fn new_name<T: FromStr<Err: Display>>(text: &str) -> Result<T, ApiError> {
    if matches!(text, "new" | "." | "..") || names_itself(text) {
        return Err(ApiError::invalid("name", format!("`{text}` cannot be a name"))
            .with_hint("choose one that says who or what it is"));
    }
    field("name", text)
}

/// Whether the audit log has this text as it is: an id, `operator:NAME` or `system:PART`.
pub(crate) fn names_itself(text: &str) -> bool {
    let is_actor = text.starts_with("operator:") || text.starts_with("system:");
    is_actor || id::is_id(text)
}

/// Reads permissions; one that is given twice counts once.
pub(crate) fn permissions(name: &str, texts: &[String]) -> Result<Vec<Permission>, ApiError> {
    let mut all = Vec::new();
    for text in texts {
        let permission = field::<Permission>(name, text)?;
        refuse_unknown(name, &permission)?;
        add_new(&mut all, permission);
    }
    refuse_too_many(name, &all)?;
    Ok(all)
}

/// Refuses what would give or deny nothing: only mcpass itself has permissions in its namespace.
fn refuse_unknown(name: &str, permission: &Permission) -> Result<(), ApiError> {
    let means = |known: &str| {
        let target = Target::Permission(known);
        permission.matches(&Ask { server: MANAGEMENT, target, class: None })
    };
    let mut known = catalogue::management().map(|(known, _)| known);
    if permission.server_part() != MANAGEMENT || known.any(means) {
        return Ok(());
    }
    Err(ApiError::invalid(name, format!("`{permission}`: mcpass knows no such permission"))
        .with_hint("`mcpass permissions` lists those there are"))
}

/// Reads networks.
pub(crate) fn networks(texts: &[String]) -> Result<CidrList, ApiError> {
    at_most("cidrs", texts)?;
    CidrList::parse(texts.iter().map(|text| text.trim()))
        .map_err(|error| ApiError::invalid("cidrs", error))
}

/// What is wrong with each of the limits.
pub(crate) fn each_limit(
    per_minute: Option<i64>,
    per_hour: Option<i64>,
    max_context: Option<i64>,
) -> [Option<ApiError>; 3] {
    let usual = Limits::default();
    [
        limits(usual, per_minute, None, None).err(),
        limits(usual, None, per_hour, None).err(),
        limits(usual, None, None, max_context).err(),
    ]
}

/// Limits, with what is absent as it was.
pub(crate) fn limits(
    before: Limits,
    per_minute: Option<i64>,
    per_hour: Option<i64>,
    max_context: Option<i64>,
) -> Result<Limits, ApiError> {
    // Each for itself, so that the error names its field.
    let usual = Limits::default();
    let calls = |value: u32| i64::from(value);
    let context = i64::try_from(before.max_context).unwrap_or(i64::MAX);
    let checks = [
        ("per_minute", per_minute, [per_minute.unwrap_or(1), calls(usual.per_hour), 0]),
        ("per_hour", per_hour, [calls(usual.per_minute), per_hour.unwrap_or(1), 0]),
        ("max_context", max_context, [1, 1, max_context.unwrap_or(0)]),
    ];
    for (name, given, [minute, hour, context]) in checks {
        if given.is_some() {
            Limits::new(minute, hour, context).map_err(|error| ApiError::invalid(name, error))?;
        }
    }
    Limits::new(
        per_minute.unwrap_or(calls(before.per_minute)),
        per_hour.unwrap_or(calls(before.per_hour)),
        max_context.unwrap_or(context),
    )
    .map_err(|error| ApiError::invalid("limits", error))
}

/// A text for people: lines are fine, control characters are not.
pub(crate) fn prose(name: &str, text: &str, most: usize) -> Result<String, ApiError> {
    // Browsers end the lines of a form with both (HTML, form submission).
    let text = text.trim().replace("\r\n", "\n");
    if text.chars().count() > most {
        return Err(ApiError::invalid(name, format!("{name} has at most {most} characters")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(ApiError::invalid(name, format!("{name} holds a control character")));
    }
    if let Some(mark) = text.chars().find(|&c| turns_text(c)) {
        let message = format!(
            "{name} holds U+{:04X}, which makes text read otherwise than it is written",
            u32::from(mark)
        );
        return Err(ApiError::invalid(name, message));
    }
    Ok(text)
}

/// Whether a character orders what follows otherwise (UAX #9, explicit formatting), or ends a line
/// as no editor shows it. Marks that languages need are not among them.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// `read`, `write` or `destructive`.
pub(crate) fn tool_class(text: &str) -> Result<ToolClass, ApiError> {
    [ToolClass::Read, ToolClass::Write, ToolClass::Destructive]
        .into_iter()
        .find(|class| class.as_str() == text)
        .ok_or_else(|| ApiError::invalid("class", "the classes are read, write and destructive"))
}

/// A list after an edit: what replaces it, or what it was, with some more and without some.
pub(crate) fn edited<T: Clone + PartialEq>(
    before: &[T],
    replaced: Option<Vec<T>>,
    added: Vec<T>,
    removed: &[T],
    missing: impl Fn(&T) -> ApiError,
) -> Result<Vec<T>, ApiError> {
    let mut all = replaced.unwrap_or_else(|| before.to_vec());
    if let Some(absent) = removed.iter().find(|one| !all.contains(one)) {
        return Err(missing(absent));
    }
    all.retain(|one| !removed.contains(one));
    for one in added {
        add_new(&mut all, one);
    }
    Ok(all)
}

/// The three fields that change permissions, read and applied.
pub(crate) fn edited_permissions(
    before: &[Permission],
    replaced: Option<&[String]>,
    added: &[String],
    removed: &[String],
) -> Result<Vec<Permission>, ApiError> {
    let (replaced, (added, removed)) = ApiError::both(
        replaced.map(|texts| permissions("permissions", texts)).transpose(),
        ApiError::both(
            permissions("add_permissions", added),
            permissions("remove_permissions", removed),
        ),
    )?;
    let all = edited(before, replaced, added, &removed, |absent| {
        ApiError::invalid("remove_permissions", format!("{absent} is not among the permissions"))
            .with_hint("permissions are removed as they were written; `show` lists them")
    })?;
    refuse_too_many("permissions", &all)?;
    Ok(all)
}

fn add_new<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// Refuses a list that is too long.
pub(crate) fn at_most<T>(name: &str, all: &[T]) -> Result<(), ApiError> {
    if all.len() > MAX_LIST {
        return Err(ApiError::invalid(name, format!("{name} has at most {MAX_LIST} entries")));
    }
    Ok(())
}

/// Refuses permissions that are too many, or too long together.
fn refuse_too_many(name: &str, all: &[Permission]) -> Result<(), ApiError> {
    at_most(name, all)?;
    if all.iter().map(|one| one.as_str().len()).sum::<usize>() > MAX_PERMISSIONS {
        let message = format!("{name} have at most {MAX_PERMISSIONS} characters together");
        return Err(ApiError::invalid(name, message)
            .with_hint("a pattern such as server.list_* stands for many, and groups hold more"));
    }
    Ok(())
}

impl Turn {
    /// The user of this name or id, if the caller may know of it.
    pub(crate) async fn user(&self, name: &str, text: &str) -> Result<User, ApiError> {
        let store = &self.core.store;
        let user = match text.parse::<UserId>() {
            Ok(id) => store.user_find(id).await,
            Err(_) => store.user_find_by_name(text).await,
        };
        let user = user.map_err(store_failed)?.filter(|user| match self.caller.reach() {
            Reach::All => true,
            Reach::Own(own) => user.id == own,
        });
        user.ok_or_else(|| ApiError {
            field: Some(name.to_owned()),
            ..ApiError::new("user.not_found", format!("there is no user `{}`", shown(text)))
                .with_hint("`mcpass user list` shows the users, `mcpass user create` adds one")
        })
    }

    /// The group of this name or id, if the caller may know of it.
    pub(crate) async fn group(&self, name: &str, text: &str) -> Result<Group, ApiError> {
        let store = &self.core.store;
        let group = match text.parse::<GroupId>() {
            Ok(id) => store.group_find(id).await,
            Err(_) => store.group_find_by_name(text).await,
        };
        let group = match group.map_err(store_failed)? {
            Some(group) if self.knows(group.id).await? => Some(group),
            _ => None,
        };
        group.ok_or_else(|| ApiError {
            field: Some(name.to_owned()),
            ..ApiError::new("group.not_found", format!("there is no group `{}`", shown(text)))
                .with_hint("`mcpass group list` shows the groups, `mcpass group create` adds one")
        })
    }

    /// Whether the caller may know of a group. Who may touch only what is their own knows the groups
    /// that they or their tokens are in.
    async fn knows(&self, group: GroupId) -> Result<bool, ApiError> {
        let Reach::Own(user) = self.caller.reach() else { return Ok(true) };
        if self.caller.may(Action::ViewGroup) || self.caller.is_in(group) {
            return Ok(true);
        }
        let (user, group) = (Some(user), Some(group));
        let filter = TokenFilter { user, group, ..TokenFilter::default() };
        let page = PageRequest { after: None, limit: 1 };
        let found = self.core.store.token_outlines(&filter, None, &page).await;
        Ok(!found.map_err(store_failed)?.items.is_empty())
    }

    /// The groups of these names or ids; one that is given twice counts once.
    pub(crate) async fn groups(
        &self,
        name: &str,
        texts: &[String],
    ) -> Result<Vec<GroupId>, ApiError> {
        at_most(name, texts)?;
        let mut all = Vec::new();
        for text in texts {
            add_new(&mut all, self.group(name, text).await?.id);
        }
        Ok(all)
    }

    /// The three fields that change groups, read and applied. What is deleted meanwhile goes.
    pub(crate) async fn edited_groups(
        &self,
        before: &[GroupId],
        replaced: Option<&[String]>,
        added: &[String],
        removed: &[String],
    ) -> Result<Vec<GroupId>, ApiError> {
        let replaced = match replaced {
            Some(texts) => self.groups("groups", texts).await.map(Some),
            None => Ok(None),
        };
        let added = self.groups("add_groups", added).await;
        let removed = self.groups("remove_groups", removed).await;
        let (replaced, (added, removed)) =
            ApiError::both(replaced, ApiError::both(added, removed))?;
        let all = edited(before, replaced, added, &removed, |_| {
            ApiError::invalid("remove_groups", "it is not in that group")
                .with_hint("`show` lists the groups it is in")
        })?;
        at_most("groups", &all)?;
        Ok(all)
    }

    /// The live tokens of a token's family, and the token itself.
    pub(crate) async fn live_family(&self, token: &Token) -> Result<Vec<Token>, ApiError> {
        let family = self.core.store.token_families(&[token.family]).await.map_err(store_failed)?;
        let live = |member: &Token| member.id == token.id || is_live(member, self.now);
        Ok(family.into_iter().filter(live).collect())
    }
}

/// Whether a token has not come to its end: disabled ones may come back.
pub(crate) fn is_live(token: &Token, now: mcpass_domain::Timestamp) -> bool {
    use mcpass_domain::TokenState::{Active, Disabled};
    matches!(token.state(now), Active { .. } | Disabled)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
