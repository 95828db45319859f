//! `mcpass user`

use clap::Subcommand;
use mcpass_authority::api::{
    IssuedLink, SessionRef, SessionView, SessionsEnd, UserCreate, UserEdit, UserRef, UserResetLink,
    UserView,
};

use super::{answer, joined, nothing_to_change, yes_no};
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Text, Tone};
use crate::times;

/// `mcpass user …`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user, whom tokens are accountable to
    #[command(after_help = "Example:\n  mcpass user create ana@example.com --group developers")]
    Create {
        /// 1 to 64 characters without spaces
        name: String,
        /// May do everything in management
        #[arg(long)]
        superuser: bool,
        /// A permission of its own; may be repeated
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// A group, by name or id; may be repeated
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// List all users
    #[command(after_help = "Example:\n  mcpass user list --json", visible_alias = "ls")]
    List,
    /// Show a user
    #[command(after_help = "Example:\n  mcpass user show ana")]
    Show {
        /// Name or id
        user: String,
    },
    /// Change a user; its tokens follow at once
    #[command(
        after_help = "Example:\n  mcpass user edit ana --add-group readers --superuser false"
    )]
    Edit(Edit),
    /// Make a link with which a user who has no password yet sets one and signs in
    #[command(after_help = "Example:\n  mcpass user invite ana@example.com")]
    Invite {
        /// Name or id
        user: String,
    },
    /// Make a link with which a user sets a new password
    #[command(after_help = "Example:\n  mcpass user reset-link ana@example.com")]
    ResetLink {
        /// Name or id
        user: String,
        /// The second factor is lost as well: take it away
        #[arg(long)]
        remove_second_factor: bool,
    },
    /// List where a user is signed in to the console
    #[command(after_help = "Example:\n  mcpass user sessions ana@example.com")]
    Sessions {
        /// Name or id
        user: String,
    },
    /// End all sessions of a user, or one of them
    #[command(after_help = "Example:\n  mcpass user sign-out ana@example.com")]
    SignOut {
        /// Name or id
        user: String,
        /// This session alone, by its id
        #[arg(long, value_name = "ID")]
        session: Option<String>,
    },
    /// Switch a user off: all its tokens are refused from now on
    #[command(after_help = "Example:\n  mcpass user disable ana")]
    Disable {
        /// Name or id
        user: String,
    },
    /// Switch a user on again
    #[command(after_help = "Example:\n  mcpass user enable ana")]
    Enable {
        /// Name or id
        user: String,
    },
}

#[derive(Debug, clap::Args)]
struct Edit {
    /// Name or id
    user: String,
    /// Whether its tokens work
    #[arg(long, value_name = "true|false")]
    active: Option<bool>,
    /// Whether it may do everything in management
    #[arg(long, value_name = "true|false")]
    superuser: Option<bool>,
    /// A permission it has as well; may be repeated
    #[arg(long = "add-permission", value_name = "PERMISSION")]
    add_permissions: Vec<String>,
    /// A permission it has no more; may be repeated
    #[arg(long = "remove-permission", value_name = "PERMISSION")]
    remove_permissions: Vec<String>,
    /// A group it is in as well; may be repeated
    #[arg(long = "add-group", value_name = "GROUP")]
    add_groups: Vec<String>,
    /// A group it is in no more; may be repeated
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
}

/// Does what was typed.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let user = match args.action {
        Action::Create { name, superuser, permissions, groups } => {
            let request = UserCreate { name, superuser, permissions, groups };
            answer!(context, UserCreate(request) => User)
        }
        Action::List => return list(context).await,
        Action::Show { user } => answer!(context, UserShow(UserRef { user }) => User),
        Action::Edit(edit) => answer!(context, UserEdit(request(edit)?) => User),
        Action::Invite { user } => {
            let link = answer!(context, UserInvite(UserRef { user }) => Link);
            return show_link(context, &link);
        }
        Action::ResetLink { user, remove_second_factor } => {
            let request = UserResetLink { user, remove_second_factor };
            let link = answer!(context, UserResetLink(request) => Link);
            return show_link(context, &link);
        }
        Action::Sessions { user } => {
            let sessions = answer!(context, SessionList(UserRef { user }) => Sessions);
            return show_sessions(context, &sessions);
        }
        Action::SignOut { user, session } => return sign_out(context, user, session).await,
        Action::Disable { user } => {
            let request = UserEdit { user, active: Some(false), ..UserEdit::default() };
            answer!(context, UserEdit(request) => User)
        }
        Action::Enable { user } => {
            let request = UserEdit { user, active: Some(true), ..UserEdit::default() };
            answer!(context, UserEdit(request) => User)
        }
    };
    show(context, &user)
}

fn request(edit: Edit) -> Result<UserEdit, Failure> {
    let user = edit.user.clone();
    let request = UserEdit {
        user: edit.user,
        active: edit.active,
        superuser: edit.superuser,
        add_permissions: edit.add_permissions,
        remove_permissions: edit.remove_permissions,
        add_groups: edit.add_groups,
        remove_groups: edit.remove_groups,
        ..UserEdit::default()
    };
    if request == (UserEdit { user, ..UserEdit::default() }) {
        return Err(nothing_to_change("user edit"));
    }
    Ok(request)
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let users = answer!(context, UserList => Users);
    if context.output.is_json() {
        return context.output.json(&users);
    }
    let rows = users.iter().map(|user| {
        vec![
            user.name.as_str().into(),
            activity(user),
            yes_no(user.is_superuser).into(),
            joined(&user.groups).into(),
            joined(&user.permissions).into(),
        ]
    });
    let header = ["name", "active", "superuser", "groups", "permissions"];
    let empty = "No users yet. Add one: mcpass user create NAME";
    context.output.table(&header, rows.collect(), empty)
}

fn activity(user: &UserView) -> Text {
    Text::toned(yes_no(user.is_active), if user.is_active { Tone::Good } else { Tone::Bad })
}

fn show_link(context: &Context, link: &IssuedLink) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(link);
    }
    context.output.fields(vec![
        ("link", link.url.expose().into()),
        ("for", link.user.as_deref().unwrap_or_default().into()),
        ("works until", times::exact(link.expires_at, context.now()).into()),
        ("shown", "only now; whoever has it can be this user, once".into()),
    ])
}

fn show_sessions(context: &Context, sessions: &[SessionView]) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(&sessions);
    }
    let now = context.now();
    let rows = sessions.iter().map(|session| {
        vec![
            session.id.to_string().into(),
            session.method.as_str().into(),
            times::relative(session.created_at, now).into(),
            times::relative(session.last_seen_at, now).into(),
            times::relative(session.ends_at, now).into(),
            session.ip.as_str().into(),
            session.user_agent.as_str().into(),
        ]
    });
    let header = ["id", "signed in with", "since", "last used", "ends", "from", "browser"];
    context.output.table(&header, rows.collect(), "Not signed in anywhere.")
}

async fn sign_out(
    context: &mut Context,
    user: String,
    session: Option<String>,
) -> Result<(), Failure> {
    let ended = match session {
        Some(id) => vec![answer!(context, SessionEnd(SessionRef { user, id }) => Session)],
        None => answer!(context, SessionsEnd(SessionsEnd { user, keep: None }) => Sessions),
    };
    if context.output.is_json() {
        return context.output.json(&ended);
    }
    context.output.line(match ended.as_slice() {
        [] => "No session was going on.".to_owned(),
        [one] => format!("Ended the session of {} at {}.", one.user, one.ip),
        [first, ..] => format!("Ended {} sessions of {}.", ended.len(), first.user),
    })
}

fn show(context: &Context, user: &UserView) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(user);
    }
    context.output.fields(vec![
        ("name", user.name.as_str().into()),
        ("id", user.id.to_string().into()),
        ("active", activity(user)),
        ("superuser", yes_no(user.is_superuser).into()),
        ("groups", joined(&user.groups).into()),
        ("permissions", joined(&user.permissions).into()),
        ("created", times::exact(user.created_at, context.now()).into()),
    ])
}
