//! A form as it is shown: with what was typed, and what is wrong with it.

use mcpass_authority::api::ApiError;

use super::fields::Fields;
use super::trouble::{hint, sentence};

/// What stands in a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    fields: Fields,
    error: Option<Wrong>,
}

/// Why it was not taken.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) field: Option<String>,
}

impl Form {
    /// A form with these texts in it.
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields: fields.shown(), error: None }
    }

    /// A form that is shown again, with what was typed.
    pub(crate) fn refused(fields: Fields, error: &ApiError) -> Self {
        let wrong = Wrong {
            message: sentence(error),
            hint: error.hint.as_deref().and_then(hint),
            field: error.field.clone(),
        };
        Self { fields: fields.shown(), error: Some(wrong) }
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

    pub(crate) fn error(&self) -> Option<&Wrong> {
        self.error.as_ref()
    }

    /// What is wrong with this field.
    pub(crate) fn wrong(&self, name: &str) -> Option<&str> {
        let error = self.error.as_ref().filter(|error| error.field.as_deref() == Some(name))?;
        Some(&error.message)
    }

    /// A field's attributes. The one that has the focus at first leaves it to the one that is wrong.
    pub(crate) fn attributes(&self, usual: &str) -> String {
        let is_one_wrong = self.error.as_ref().is_some_and(|error| error.field.is_some());
        if is_one_wrong { usual.replace("autofocus", "") } else { usual.to_owned() }
    }

    /// Whether the error's field can be gone to.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.has(name)
    }
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

/// The foot of a list.
#[derive(Clone, Debug)]
pub(crate) struct Pager {
    pub(crate) text: String,
    pub(crate) first: Option<String>,
    pub(crate) next: Option<String>,
}

impl Pager {
    /// Under a list of `shown` items; lists are paged by where the next part begins.
    pub(crate) fn new(path: &str, query: &Fields, shown: usize, next: Option<&str>) -> Self {
        let of = |cursor: &str| query.with("cursor", cursor).after(path);
        let shown = super::show::count(shown as u64);
        Self {
            text: format!("{shown} on this page"),
            first: query.has("cursor").then(|| of("")),
            next: next.map(of),
        }
    }
}
