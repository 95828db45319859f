//! What can be asked for about users and groups.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

requests! {
    /// Adds a user.
    UserCreate {
        /// Its name: 1 to 64 characters without spaces.
        name: String,
        /// May do everything in management.
        #[serde(default)] superuser: bool,
        /// Permissions of its own.
        #[serde(default)] permissions: Vec<String>,
        /// Groups, by name or id.
        #[serde(default)] groups: Vec<String>,
    }

    /// Names a user.
    UserRef {
        /// Its name or id.
        user: String,
    }

    /// Makes a link with which a user sets a new password.
    UserResetLink {
        /// Its name or id.
        user: String,
        /// Whether the second factor is lost as well, and is taken away.
        #[serde(default)] remove_second_factor: bool,
    }

    /// Names a session of a user.
    SessionRef {
        /// The user's name or id.
        user: String,
        /// The session's id, `ses_…`.
        id: String,
    }

    /// Ends all sessions of a user.
    SessionsEnd {
        /// The user's name or id.
        user: String,
        /// But not this one, by its id.
        #[serde(default)] keep: Option<String>,
    }

    /// Changes a user.
    UserEdit {
        /// Its name or id.
        user: String,
        /// Tokens of an inactive user are refused.
        #[serde(default)] active: Option<bool>,
        /// May do everything in management.
        #[serde(default)] superuser: Option<bool>,
        /// These permissions instead.
        #[serde(default)] permissions: Option<Vec<String>>,
        /// These permissions as well.
        #[serde(default)] add_permissions: Vec<String>,
        /// Not these permissions any more.
        #[serde(default)] remove_permissions: Vec<String>,
        /// These groups instead, by name or id.
        #[serde(default)] groups: Option<Vec<String>>,
        /// These groups as well.
        #[serde(default)] add_groups: Vec<String>,
        /// Not these groups any more.
        #[serde(default)] remove_groups: Vec<String>,
    }

    /// Adds a group.
    GroupCreate {
        /// Its name: 1 to 64 characters without spaces.
        name: String,
        /// What it gives.
        #[serde(default)] permissions: Vec<String>,
    }

    /// Names a group.
    GroupRef {
        /// Its name or id.
        group: String,
    }

    /// Changes a group. All its tokens follow at once.
    GroupEdit {
        /// Its name or id.
        group: String,
        /// A new name.
        #[serde(default)] name: Option<String>,
        /// These permissions instead.
        #[serde(default)] permissions: Option<Vec<String>>,
        /// These permissions as well.
        #[serde(default)] add_permissions: Vec<String>,
        /// Not these permissions any more.
        #[serde(default)] remove_permissions: Vec<String>,
    }
}
