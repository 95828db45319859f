//! Who has signed in.

use mcpass_authority::Context;

/// A user in front of a browser.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// Its name.
    pub(crate) name: String,
    /// Whether it may do everything.
    pub(crate) is_superuser: bool,
    /// Whether pages of management are worth showing in the sidebar. What they show is decided by
    /// the authority alone.
    pub(crate) manages: bool,
    /// The security argument.
    pub(crate) ctx: Context,
}
