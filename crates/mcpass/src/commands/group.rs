//! `mcpass group`

use clap::Subcommand;
use mcpass_authority::api::{GroupCreate, GroupEdit, GroupRef, GroupView};

use super::{answer, area, joined, nothing_to_change};
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::times;

/// `mcpass group …`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a group: a named set of permissions that tokens and users can have
    #[command(
        after_help = area::help("Example:\n  mcpass group create readers --permission 'demo.@read' --permission '!demo.secret'\n  mcpass group create planners --area features:write --area products:read")
    )]
    Create {
        /// 1 to 64 characters without spaces
        name: String,
        /// What it gives: server.tool, with `*`; `!` before it denies; may be repeated
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// An area of the workspace, such as features:write; may be repeated
        #[arg(long = "area", value_name = "AREA")]
        areas: Vec<String>,
    },
    /// List all groups
    #[command(after_help = "Example:\n  mcpass group list", visible_alias = "ls")]
    List,
    /// Show a group
    #[command(after_help = "Example:\n  mcpass group show readers")]
    Show {
        /// Name or id
        group: String,
    },
    /// Change a group; all its tokens follow at once
    #[command(after_help = "Example:\n  mcpass group edit readers --add-permission 'github.get_*'")]
    Edit(Edit),
    /// Delete a group; tokens and users lose it at once
    #[command(after_help = "Example:\n  mcpass group delete readers", visible_alias = "rm")]
    Delete {
        /// Name or id
        group: String,
    },
}

#[derive(Debug, clap::Args)]
struct Edit {
    /// Name or id
    group: String,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// These permissions instead of those it has; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", conflicts_with = "add_permissions")]
    permissions: Option<Vec<String>>,
    /// An area as well, such as features:write; may be repeated
    #[arg(long = "add-area", value_name = "AREA", conflicts_with = "permissions")]
    add_areas: Vec<String>,
    /// A permission as well; may be repeated
    #[arg(long = "add-permission", value_name = "PERMISSION")]
    add_permissions: Vec<String>,
    /// A permission no more; may be repeated
    #[arg(long = "remove-permission", value_name = "PERMISSION")]
    remove_permissions: Vec<String>,
}

/// Does what was typed.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    match args.action {
        Action::Create { name, permissions, areas } => {
            let permissions = area::with(permissions, &areas)?;
            let request = GroupCreate { name, permissions };
            let group = answer!(context, GroupCreate(request) => Group);
            show(context, &group)
        }
        Action::List => list(context).await,
        Action::Show { group } => {
            let group = answer!(context, GroupShow(GroupRef { group }) => Group);
            show(context, &group)
        }
        Action::Edit(edit) => {
            let group = answer!(context, GroupEdit(request(edit)?) => Group);
            show(context, &group)
        }
        Action::Delete { group } => {
            let group = answer!(context, GroupDelete(GroupRef { group }) => Group);
            if context.output.is_json() {
                return context.output.json(&group);
            }
            context.output.line(format!("Deleted the group {}", group.name))
        }
    }
}

fn request(edit: Edit) -> Result<GroupEdit, Failure> {
    let group = edit.group.clone();
    let request = GroupEdit {
        group: edit.group,
        name: edit.name,
        permissions: edit.permissions,
        add_permissions: area::with(edit.add_permissions, &edit.add_areas)?,
        remove_permissions: edit.remove_permissions,
    };
    if request == (GroupEdit { group, ..GroupEdit::default() }) {
        return Err(nothing_to_change("group edit"));
    }
    Ok(request)
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let groups = answer!(context, GroupList => Groups);
    if context.output.is_json() {
        return context.output.json(&groups);
    }
    let rows = groups
        .iter()
        .map(|group| vec![group.name.as_str().into(), joined(&group.permissions).into()]);
    let empty = "No groups yet. Add one: mcpass group create NAME --permission server.tool";
    context.output.table(&["name", "permissions"], rows.collect(), empty)
}

fn show(context: &Context, group: &GroupView) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(group);
    }
    context.output.fields(vec![
        ("name", group.name.as_str().into()),
        ("id", group.id.to_string().into()),
        ("permissions", joined(&group.permissions).into()),
        ("created", times::exact(group.created_at, context.now()).into()),
    ])
}
