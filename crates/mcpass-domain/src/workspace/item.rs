//! Items of the workspace, changes to them, and their trail.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::in_words;
use crate::id::{self, EventId, IdParts};
use crate::time::Timestamp;

in_words! {
    /// What an item is.
    Kind {
        /// A product, application or project; everything else belongs to one.
        Product "product",
        /// Something that a product is to be able to do.
        Feature "feature",
        /// What somebody wants to do with it, and why.
        UserStory "user_story",
        /// How to find out whether it works.
        TestCase "test_case",
        /// What came of running test cases.
        TestReport "test_report",
        /// What has to be looked at in a phase.
        Checklist "checklist",
        /// One line of a checklist.
        ChecklistItem "checklist_item",
        /// Something to be done.
        Task "task",
    }
}

impl Kind {
    /// What stands before the underscore of an id.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Product => "prd",
            Self::Feature => "ftr",
            Self::UserStory => "ust",
            Self::TestCase => "tcs",
            Self::TestReport => "trp",
            Self::Checklist => "chk",
            Self::ChecklistItem => "cki",
            Self::Task => "tsk",
        }
    }

    /// What people call it: `user story`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Feature => "feature",
            Self::UserStory => "user story",
            Self::TestCase => "test case",
            Self::TestReport => "test report",
            Self::Checklist => "checklist",
            Self::ChecklistItem => "checklist item",
            Self::Task => "task",
        }
    }

    /// Many of them, as tools and members are called: `user_stories`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Product => "products",
            Self::Feature => "features",
            Self::UserStory => "user_stories",
            Self::TestCase => "test_cases",
            Self::TestReport => "test_reports",
            Self::Checklist => "checklists",
            Self::ChecklistItem => "checklist_items",
            Self::Task => "tasks",
        }
    }
}

/// Names an item: its kind's prefix, `_` and 22 base62 characters.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ItemId {
    kind: Kind,
    uuid: Uuid,
}

impl ItemId {
    /// A fresh id.
    pub fn new(kind: Kind, parts: IdParts) -> Self {
        Self { kind, uuid: parts.uuid() }
    }

    /// The id that these 16 bytes are.
    pub const fn from_bytes(kind: Kind, bytes: [u8; 16]) -> Self {
        Self { kind, uuid: Uuid::from_bytes(bytes) }
    }

    /// The 16 bytes of this id, as they are stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }

    /// What it names.
    pub const fn kind(self) -> Kind {
        self.kind
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id::print(self.kind.prefix(), self.uuid, f)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ItemId {
    type Err = InvalidItemId;

    fn from_str(text: &str) -> Result<Self, InvalidItemId> {
        let mut kinds = Kind::ALL.iter().copied();
        let found = kinds.find_map(|kind| Some((kind, id::parse(kind.prefix(), text)?)));
        let invalid = || InvalidItemId(text.chars().take(64).collect());
        found.map(|(kind, uuid)| Self { kind, uuid }).ok_or_else(invalid)
    }
}

/// A text that is no id of an item.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no id of the workspace")]
pub struct InvalidItemId(String);

/// An item. Its fields beside those named here are a JSON object, whose members depend on the
/// kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Its id, and so its kind.
    pub id: ItemId,
    /// The product it belongs to; a product belongs to itself.
    pub product: ItemId,
    /// The feature it belongs to, if any; a feature belongs to itself.
    pub feature: Option<ItemId>,
    /// The checklist that an item of one belongs to.
    pub parent: Option<ItemId>,
    /// Its place among others: lists are in this order, then by id.
    pub position: i64,
    /// Where it stands: one of [`super::statuses`].
    pub status: String,
    /// What people call it.
    pub title: String,
    /// Its other fields, a JSON object.
    pub body: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// The user of the token that added it.
    pub created_by: String,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The user of the token that last changed it.
    pub updated_by: String,
    /// Grows with each change.
    pub version: i64,
}

impl Item {
    /// Its place in lists.
    pub const fn place(&self) -> Place {
        Place { position: self.position, id: self.id }
    }
}

/// A place in a list of items.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// [`Item::position`].
    pub position: i64,
    /// The item there.
    pub id: ItemId,
}

/// Which items. Everything that is given must hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ItemFilter {
    /// Of this kind.
    pub kind: Kind,
    /// Of this product.
    pub product: Option<ItemId>,
    /// Of this feature.
    pub feature: Option<ItemId>,
    /// Of this checklist.
    pub parent: Option<ItemId>,
    /// With one of these statuses; with any if there is none.
    pub statuses: Vec<String>,
    /// Whose title holds this text, whatever its case.
    pub text: Option<String>,
}

impl ItemFilter {
    /// All items of a kind.
    pub const fn all(kind: Kind) -> Self {
        Self { kind, product: None, feature: None, parent: None, statuses: Vec::new(), text: None }
    }
}

/// One thing to be written. Those that name a version are refused where another one is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ItemChange {
    /// Removes an item, but nothing below it.
    Delete(ItemId, i64),
    /// Adds an item.
    Insert(Item),
    /// Writes an item; `version` is the one it was read with, the store adds one.
    Update(Item),
}

/// Changes and their trail, written together or not at all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ItemCommit {
    /// What changes, in order.
    pub changes: Vec<ItemChange>,
    /// What the trail says of it.
    pub events: Vec<Event>,
}

/// One change in the audit trail of the workspace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its id; the order of ids is that of the changes.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// The user of the token.
    pub user: String,
    /// The name of the token.
    pub token: String,
    /// What was done: a word of [`super::Action`].
    pub action: String,
    /// To what.
    pub item: ItemId,
    /// The product it belonged to.
    pub product: ItemId,
    /// The feature it belonged to, if any.
    pub feature: Option<ItemId>,
    /// What it was called.
    pub title: String,
    /// The fields that changed, as they were: a JSON object; none if it was added.
    pub before: Option<String>,
    /// The fields that changed, as they became; none if it was removed.
    pub after: Option<String>,
}

/// Which changes. Everything that is given must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EventFilter {
    /// Of items of these kinds; of any if there is none.
    pub kinds: Vec<Kind>,
    /// Of this item.
    pub item: Option<ItemId>,
    /// Of this product and what belongs to it.
    pub product: Option<ItemId>,
    /// Of this feature and what belongs to it.
    pub feature: Option<ItemId>,
    /// By this user.
    pub user: Option<String>,
    /// At or after this moment.
    pub since: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_prints_and_parses_back(
            kind in prop::sample::select(Kind::ALL), bytes: [u8; 16],
        ) {
            let id = ItemId::from_bytes(kind, bytes);
            prop_assert_eq!(id.to_string().parse::<ItemId>().unwrap(), id);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = text.parse::<ItemId>();
        }
    }

    #[test]
    fn what_is_no_id_is_named() {
        let error = "tok_0351C0GPTtL6LXhw6GQw7V".parse::<ItemId>().unwrap_err();
        assert!(error.to_string().contains("tok_0351C0"), "{error}");
    }
}
