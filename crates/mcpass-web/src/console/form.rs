//! A form as it is shown: with what was typed, and what is wrong with it.

use mcpass_authority::api::ApiError;

use super::fields::Fields;
use super::trouble::{hint, sentence, sentence_of};

/// What stands in a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    fields: Fields,
    error: Option<Wrong>,
}

/// Why it was not taken.
#[derive(Clone, Debug)]
struct Wrong(Vec<Told>);

/// One thing that is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The field that it is about.
    pub(crate) field: Option<String>,
}

impl Form {
    /// A form with these texts in it.
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields: fields.shown(), error: None }
    }

    /// A form that is shown again, with what was typed.
    pub(crate) fn refused(fields: Fields, error: &ApiError) -> Self {
        let first = Told {
            message: sentence(error),
            hint: error.hint.as_deref().and_then(hint),
            field: error.field.clone(),
        };
        let also = error.also().iter().map(|one| Told {
            message: sentence_of(&one.message),
            hint: None,
            field: Some(one.field.clone()),
        });
        let mut told: Vec<_> = std::iter::once(first).chain(also).collect();
        // In the order of the page, which browsers send fields in, so that the first one is the one
        // that gets the focus. What is about no field of the page stands before them.
        let place = |told: &Told| fields.place(told.field.as_deref()?);
        told.sort_by_key(|told| place(told));
        Self { fields: fields.shown(), error: Some(Wrong(told)) }
    }

    /// The same for a form that changes what has these fields now. If that was changed since the
    /// form was opened, the form says how it differs, and is of its version from now on: sent once
    /// more, it puts what was typed in its place.
    pub(crate) fn again(typed: Fields, error: &ApiError, now: &Fields) -> Self {
        if error.code != ApiError::STALE {
            return Self::refused(typed, error);
        }
        let differences = differences(&typed, now);
        let told = if differences.is_empty() {
            String::new()
        } else {
            format!("It has now: {}. ", differences.join("; "))
        };
        let stale = Told {
            message: "This was changed since you opened the page.".to_owned(),
            hint: Some(format!("{told}What you typed is kept: save again to put it in place.")),
            field: None,
        };
        let fields = typed.with(VERSION, now.text(VERSION)).shown();
        Self { fields, error: Some(Wrong(vec![stale])) }
    }

    /// What stands in a field.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.fields.raw(name)
    }

    /// A moment in a field for a date and time: the script writes it for the viewer's zone.
    pub(crate) fn moment(&self, name: &str) -> &str {
        self.value(name).get(..19).unwrap_or_default()
    }

    /// Whether a box is ticked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.has(name)
    }

    /// Whether one of several boxes or the chosen option of this name is this one.
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        self.fields.all(name).iter().any(|each| each == text)
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// All that is wrong, in the order of the page.
    pub(crate) fn told(&self) -> &[Told] {
        self.error.as_ref().map_or(&[], |error| &error.0)
    }

    /// What is wrong with this field.
    pub(crate) fn wrong(&self, name: &str) -> Option<&str> {
        let told = self.told().iter().find(|told| told.field.as_deref() == Some(name))?;
        Some(&told.message)
    }

    /// A field's attributes. The one that has the focus at first leaves it to the one that is wrong.
    pub(crate) fn attributes(&self, usual: &str) -> String {
        let is_one_wrong = self.told().iter().any(|told| told.field.is_some());
        if is_one_wrong { usual.replace("autofocus", "") } else { usual.to_owned() }
    }

    /// Whether the error's field can be gone to.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        // A box that is not ticked is not sent.
        self.fields.has(name) || name == "everything"
    }
}

/// Fields of a form that could not be read. The request is asked for all the same, with what is
/// refused in their place, so that all that is wrong is told at once.
#[derive(Debug, Default)]
pub(crate) struct Unreadable {
    wrong: Vec<ApiError>,
    /// The fields in which something else was sent.
    stood_for: Vec<String>,
}

impl Unreadable {
    /// What was read, or else `refused`.
    pub(crate) fn or<T>(&mut self, read: Result<T, ApiError>, refused: T) -> T {
        read.unwrap_or_else(|error| {
            self.stood_for.extend(error.field.clone());
            self.wrong.push(error);
            refused
        })
    }

    /// What is wrong with a field that the request has not got: another is refused for it.
    pub(crate) fn elsewhere(&mut self, error: ApiError, field: &str) {
        self.stood_for.push(field.to_owned());
        self.wrong.push(error);
    }

    /// Why the request was refused, with what is wrong with these fields in place of what is said
    /// of what stood for them.
    pub(crate) fn and(self, refusal: ApiError) -> ApiError {
        let Self { wrong: own, stood_for } = self;
        // Who may not do it at all is told no more.
        if own.is_empty() || refusal.field.is_none() {
            return refusal;
        }
        let also = refusal.also().iter().map(|one| ApiError::invalid(&one.field, &one.message));
        let all = std::iter::once(ApiError { more: None, ..refusal.clone() }).chain(also);
        let is_told = |error: &ApiError| {
            stood_for.iter().any(|field| Some(field.as_str()) == error.field.as_deref())
        };
        let others = all.filter(|error| !is_told(error));
        ApiError::all(own.into_iter().chain(others).map(Some)).err().unwrap_or(refusal)
    }
}

/// The hidden field with the version that a form was made of.
pub(crate) const VERSION: &str = "version";
/// Fields that say nothing of what is changed.
const OF_THE_FORM: [&str; 10] = [
    VERSION,
    "csrf",
    "everything",
    "expires",
    "expires_on",
    "from",
    "groups",
    "kind",
    "pattern",
    "step",
];

/// What stands now in fields where something else was typed.
fn differences(typed: &Fields, now: &Fields) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in now.pairs().iter().chain(typed.pairs()) {
        // The name of what cannot be renamed is no field of its form.
        let is_field = name != "name" || typed.has(name);
        if is_field && !OF_THE_FORM.contains(&name.as_str()) && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    // However its lines end, and in whatever order boxes were ticked.
    let words = |fields: &Fields, name: &str| {
        let all = fields.all(name).join(" ");
        let mut words: Vec<String> = all.split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let differ = names.into_iter().filter(|name| words(typed, name) != words(now, name));
    differ
        .map(|name| {
            let text = now.all(name).join(", ").replace(['\r', '\n'], " ");
            let text = super::show::plain(&text);
            let label = name.replace('_', " ");
            if text.is_empty() {
                format!("no {label}")
            } else {
                format!("{label} “{}”", super::show::cut(&text, 120))
            }
        })
        .collect()
}

/// A filter above a list: a choice.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) options: Vec<Opt>,
}

/// One of its options.
#[derive(Clone, Debug)]
pub(crate) struct Opt {
    pub(crate) value: String,
    pub(crate) word: String,
    pub(crate) is_chosen: bool,
}

impl Choice {
    /// A choice between values and their words, as the query says.
    pub(crate) fn new<V: Into<String>, W: Into<String>>(
        name: &'static str,
        label: &'static str,
        query: &Fields,
        options: impl IntoIterator<Item = (V, W)>,
    ) -> Self {
        let chosen = query.text(name);
        let options = options.into_iter().map(|(value, word)| {
            let value = value.into();
            let is_chosen = value == chosen;
            Opt { word: super::show::cut(&super::show::plain(&word.into()), 48), value, is_chosen }
        });
        Self { name, label, options: options.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_an_older_version_says_how_it_differs_and_is_of_the_newer_one() {
        let typed = Fields::from([
            ("csrf", "x"),
            ("version", "3"),
            ("permissions", "a.x\r\nb.y"),
            ("note", "mine"),
            ("superuser", "yes"),
        ]);
        let now = Fields::from([
            ("version", "4"),
            ("permissions", "b.y\na.x"),
            ("note", "theirs"),
            ("group", "readers"),
            ("name", "n"),
        ]);
        let form = Form::again(typed, &ApiError::new(ApiError::STALE, "x"), &now);
        assert_eq!((form.value("version"), form.value("note")), ("4", "mine"));
        let hint = form.told()[0].hint.clone().unwrap();
        let told = "It has now: note “theirs”; group “readers”; no superuser. ";
        assert!(hint.starts_with(told), "{hint}");
    }
}
