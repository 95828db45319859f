//! `mcpass token edit`

use mcpass_authority::api::TokenEdit;

use crate::commands::{area, nothing_to_change};
use crate::failure::Failure;

/// `mcpass token edit`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass token edit tok_0Yk3VqGm1bTzX9a2JcRn4s --add-permission 'github.get_*' --per-hour 5000
  mcpass token edit tok_0Yk3VqGm1bTzX9a2JcRn4s --expires never --any-network

Permissions, groups, limits and networks belong to the family and change for all its secrets;
name, note and expiry change for this one alone.")]
pub(super) struct Edit {
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// A new note; an empty one removes it
    #[arg(long)]
    note: Option<String>,
    /// A new end: 90d, never, 2026-12-31 or 2026-12-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// These permissions instead of those it has; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", conflicts_with = "add_permissions")]
    permissions: Option<Vec<String>>,
    /// These areas of the workspace instead of the permissions it has, beside --permission; may be
    /// repeated
    #[arg(long = "area", value_name = "AREA", conflicts_with_all = ["add_permissions", "add_areas"])]
    areas: Option<Vec<String>>,
    /// An area as well, such as features:write; may be repeated
    #[arg(long = "add-area", value_name = "AREA", conflicts_with = "permissions")]
    add_areas: Vec<String>,
    /// A permission as well; may be repeated
    #[arg(long = "add-permission", value_name = "PERMISSION")]
    add_permissions: Vec<String>,
    /// A permission no more; may be repeated
    #[arg(long = "remove-permission", value_name = "PERMISSION")]
    remove_permissions: Vec<String>,
    /// These groups instead of those it has; may be repeated
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "add_groups")]
    groups: Option<Vec<String>>,
    /// A group as well; may be repeated
    #[arg(long = "add-group", value_name = "GROUP")]
    add_groups: Vec<String>,
    /// A group no more; may be repeated
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
    /// Calls in any 60 seconds
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    per_minute: Option<i64>,
    /// Calls in any 3,600 seconds
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    per_hour: Option<i64>,
    /// Characters of the largest result, 0 for no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_context: Option<i64>,
    /// These networks instead of those it has; may be repeated
    #[arg(long = "cidr", value_name = "NETWORK")]
    cidrs: Option<Vec<String>>,
    /// From anywhere: removes the networks
    #[arg(long, conflicts_with = "cidrs")]
    any_network: bool,
    /// How a refusal by a limit is answered: http429 or tool_error
    #[arg(long, value_name = "STYLE")]
    rate_limit_style: Option<String>,
}

impl Edit {
    /// What is asked of the authority.
    ///
    /// # Errors
    /// When nothing is to change.
    pub(super) fn request(self) -> Result<TokenEdit, Failure> {
        let unchanged = TokenEdit { id: self.id.clone(), ..TokenEdit::default() };
        let request = TokenEdit {
            id: self.id,
            name: self.name,
            note: self.note,
            expires: self.expires,
            permissions: area::with_any(self.permissions, self.areas)?,
            add_permissions: area::with(self.add_permissions, &self.add_areas)?,
            remove_permissions: self.remove_permissions,
            groups: self.groups,
            add_groups: self.add_groups,
            remove_groups: self.remove_groups,
            per_minute: self.per_minute,
            per_hour: self.per_hour,
            max_context: self.max_context,
            cidrs: if self.any_network { Some(Vec::new()) } else { self.cidrs },
            rate_limit_style: self.rate_limit_style,
        };
        if request == unchanged {
            return Err(nothing_to_change("token edit"));
        }
        Ok(request)
    }
}
