//! Groups in a form: boxes where they are few; of many, those that are chosen, and a field in which
//! others are named.

use mcpass_authority::api::GroupView;

use super::fields::Fields;
use super::show::{count, cut, plain};

/// Groups that are shown as boxes, at most.
const FEW: usize = 20;
/// Groups that are told of where one is misspelt.
const ALIKE: usize = 8;

/// The part of a form that chooses groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pick {
    /// Boxes.
    pub(crate) options: Vec<GroupBox>,
    /// What was typed and is no group.
    pub(crate) typed: String,
    /// Why it is none.
    pub(crate) wrong: Option<String>,
    /// How many groups there are, if they are too many for boxes.
    pub(crate) of_many: Option<String>,
    /// Groups of which the viewer may know nothing, and which stay.
    pub(crate) hidden: Vec<String>,
}

/// A group that can be ticked.
#[derive(Clone, Debug)]
pub(crate) struct GroupBox {
    pub(crate) name: String,
    pub(crate) told: String,
    pub(crate) is_chosen: bool,
}

/// A group to choose, and what it gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Offered {
    pub(crate) name: String,
    pub(crate) permissions: Vec<String>,
}

impl From<&GroupView> for Offered {
    fn from(group: &GroupView) -> Self {
        Self { name: group.name.clone(), permissions: group.permissions.clone() }
    }
}

/// The groups that a form chooses: those ticked and those named.
pub(crate) fn chosen(form: &Fields) -> Vec<String> {
    let mut all = form.all("group");
    for name in form.words("group_name") {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

impl Pick {
    /// Among `all` groups, with these chosen.
    pub(crate) fn of(all: &[GroupView], chosen: &[String]) -> Self {
        let all: Vec<_> = all.iter().map(Offered::from).collect();
        Self::among(&all, chosen, all.len() > FEW)
    }

    /// Among the groups that a viewer is in who may know of no others, which stay if they are chosen.
    pub(crate) fn own(own: &[Offered], chosen: &[String]) -> Self {
        let is_own = |name: &String| own.iter().any(|group| group.name == *name);
        let (own_chosen, hidden) = chosen.iter().cloned().partition::<Vec<_>, _>(is_own);
        Self { hidden, ..Self::among(own, &own_chosen, false) }
    }

    fn among(all: &[Offered], chosen: &[String], is_many: bool) -> Self {
        let is_shown = |group: &&Offered| !is_many || chosen.contains(&group.name);
        let options = all.iter().filter(is_shown).map(|group| GroupBox {
            told: cut(&plain(&group.permissions.join(", ")), 120),
            is_chosen: chosen.contains(&group.name),
            name: group.name.clone(),
        });
        let is_group = |name: &&String| all.iter().any(|group| group.name == **name);
        let unknown: Vec<_> = chosen.iter().filter(|name| !is_group(name)).cloned().collect();
        Self {
            options: options.collect(),
            wrong: unknown.first().filter(|_| is_many).map(|name| no_group(all, name)),
            typed: unknown.join(" "),
            of_many: is_many.then(|| count(all.len() as u64)),
            hidden: Vec::new(),
        }
    }

    /// The groups that are chosen and there.
    pub(crate) fn known(&self) -> Vec<String> {
        let chosen = self.options.iter().filter(|option| option.is_chosen);
        chosen.map(|option| &option.name).chain(&self.hidden).cloned().collect()
    }

    /// Whether there is nothing to choose from.
    pub(crate) fn is_empty(&self) -> bool {
        self.options.is_empty() && self.of_many.is_none()
    }
}

/// What is said of a name that no group has.
fn no_group(all: &[Offered], name: &str) -> String {
    let part = name.to_lowercase();
    let mut alike = all.iter().filter(|group| group.name.to_lowercase().contains(&part));
    let some: Vec<_> = alike.by_ref().take(ALIKE).map(|group| group.name.as_str()).collect();
    let name = cut(&plain(name), 64);
    match (some.is_empty(), alike.count()) {
        (true, _) => format!("No group is called {name}."),
        (_, 0) => format!("No group is called {name}. There is {}.", some.join(", ")),
        (_, more) => {
            format!("No group is called {name}. There is {} and {more} more.", some.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{GroupId, Timestamp};

    use super::*;

    fn groups(number: u8) -> Vec<GroupView> {
        let group = |n: u8| GroupView {
            id: GroupId::from_bytes([n; 16]),
            name: format!("team-{n:03}"),
            permissions: vec!["demo.@read".to_owned()],
            created_at: Timestamp::from_micros(0),
            version: 0,
        };
        (0..number).map(group).collect()
    }

    #[test]
    fn few_groups_are_boxes_and_of_many_the_chosen_ones_alone() {
        let chosen = ["team-003".to_owned()];
        let few = Pick::of(&groups(20), &chosen);
        assert_eq!((few.options.len(), few.known(), few.of_many), (20, chosen.to_vec(), None));
        let many = Pick::of(&groups(200), &chosen);
        assert_eq!((many.options.len(), many.known()), (1, chosen.to_vec()));
        assert_eq!(many.of_many.as_deref(), Some("200"));
        assert!(many.wrong.is_none() && many.typed.is_empty());
    }

    #[test]
    fn a_name_that_no_group_has_stays_typed_with_those_that_are_like_it() {
        let many = Pick::of(&groups(200), &["TEAM-01".to_owned(), "team-100".to_owned()]);
        assert_eq!((many.typed.as_str(), many.known()), ("TEAM-01", vec!["team-100".to_owned()]));
        let wrong = many.wrong.unwrap();
        assert!(wrong.starts_with("No group is called TEAM-01. There is team-010, team-011"));
        assert!(wrong.ends_with("team-017 and 2 more."), "{wrong}");
        let none = Pick::of(&groups(200), &["x".to_owned()]).wrong.unwrap();
        assert_eq!(none, "No group is called x.");
    }

    #[test]
    fn a_form_chooses_what_is_ticked_and_what_is_named() {
        let form = Fields::parse(b"group=a&group=b&group_name=+c,b+d");
        assert_eq!(chosen(&form), ["a", "b", "c", "d"]);
    }

    #[test]
    fn who_knows_only_their_own_groups_chooses_among_them_and_leaves_the_others() {
        let own: Vec<_> = groups(25).iter().map(Offered::from).collect();
        let chosen = ["team-003".to_owned(), "payroll".to_owned()];
        let pick = Pick::own(&own, &chosen);
        assert_eq!((pick.options.len(), pick.of_many.as_deref()), (25, None));
        assert_eq!((pick.known(), pick.hidden.as_slice()), (chosen.to_vec(), &chosen[1..]));
        assert!(pick.typed.is_empty() && pick.wrong.is_none());
        let nothing = Pick::own(&[], &chosen[1..]);
        assert!(nothing.is_empty());
        assert_eq!(nothing.known(), chosen[1..]);
    }
}
