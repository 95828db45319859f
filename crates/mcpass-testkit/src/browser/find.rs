//! Parts of a page, found by what a person reads.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Browser;
use super::driver::Refused;
use crate::eventually::within;

/// What to look for. Texts are compared with white space folded; a whole match wins over one of
/// the beginning. Only what is visible is found.
#[derive(Clone, Copy, Debug)]
pub enum Find<'a> {
    /// A CSS selector, where there is nothing to read.
    Css(&'a str),
    /// A field by its label.
    Field(&'a str),
    /// A button, or what opens something, by its text or label.
    Button(&'a str),
    /// A link by its text or label.
    Link(&'a str),
    /// A row of a table by a text in it.
    Row(&'a str),
    /// A button or link in the row of this text.
    InRow(&'a str, &'a str),
}

/// A part of the page, until the page changes.
#[derive(Clone, Debug)]
pub struct Element {
    id: String,
}

/// The name of an element's id (W3C WebDriver, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Element {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// As an argument of a script.
    pub fn json(&self) -> Value {
        json!({ ELEMENT: self.id })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        Some(Self { id: value.get(ELEMENT)?.as_str()?.to_owned() })
    }
}

impl<'a> Find<'a> {
    fn words(self) -> [&'a str; 3] {
        match self {
            Self::Css(selector) => ["css", selector, ""],
            Self::Field(label) => ["field", label, ""],
            Self::Button(text) => ["button", text, ""],
            Self::Link(text) => ["link", text, ""],
            Self::Row(text) => ["row", text, ""],
            Self::InRow(row, text) => ["inrow", text, row],
        }
    }
}

impl Browser {
    /// The element, if it is there now.
    ///
    /// # Errors
    /// When a selector is none.
    pub async fn look_for(&self, find: Find<'_>) -> Result<Option<Element>> {
        let words = find.words().map(Value::from);
        let found = self.run(LOOK, &words).await.with_context(|| format!("{find:?}"))?;
        Ok(Element::from_json(&found))
    }

    /// The element, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come; with the page's text.
    pub async fn find(&self, find: Find<'_>) -> Result<Element> {
        self.wait(&format!("{find:?}"), async || self.look_for(find).await).await
    }

    /// Waits until it is not there.
    ///
    /// # Errors
    /// When it stays.
    pub async fn gone(&self, find: Find<'_>) -> Result<()> {
        self.wait(&format!("{find:?} goes away"), async || {
            Ok(self.look_for(find).await?.is_none().then_some(()))
        })
        .await
    }

    /// How many elements match a selector.
    ///
    /// # Errors
    /// When it is none.
    pub async fn count(&self, selector: &str) -> Result<u64> {
        let script = "return document.querySelectorAll(arguments[0]).length";
        self.run(script, &[selector.into()]).await?.as_u64().context("a number")
    }

    /// Does something with the element, and again if the page changed in between.
    pub(super) async fn with<T>(
        &self,
        find: Find<'_>,
        act: impl AsyncFn(&Element) -> Result<T>,
    ) -> Result<T> {
        self.wait(&format!("{find:?} can be used"), async || {
            let Some(element) = self.look_for(find).await? else { return Ok(None) };
            match act(&element).await {
                Ok(value) => Ok(Some(Ok(value))),
                Err(error) if is_passing(&error) => Err(error),
                Err(error) => Ok(Some(Err(error))),
            }
        })
        .await?
    }

    /// Asks until `look` has something; fails with what the page says.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let result = within(super::PATIENCE, what, look).await;
        let Err(error) = result else { return result };
        let url = self.url().await.unwrap_or_default();
        let text: String = self.text().await.unwrap_or_default().chars().take(2_000).collect();
        Err(error.context(format!("at {url}, which says:\n{text}\n")))
    }
}

/// Whether the page was only not ready.
fn is_passing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| {
        matches!(
            refused.code.as_str(),
            "stale element reference"
                | "element click intercepted"
                | "element not interactable"
                | "no such element"
                | "detached shadow root"
        )
    })
}

/// Of several whole matches the first one counts; of several beginnings, the shortest.
const LOOK: &str = r"
const [kind, wanted, row] = arguments;
const fold = text => (text || '').replace(/\s+/g, ' ').trim();
const visible = element => element.checkVisibility({ visibilityProperty: true }) &&
    element.getClientRects().length > 0;
const named = element => {
    const by = element.getAttribute('aria-labelledby');
    const label = by && by.split(' ').map(id => document.getElementById(id)?.innerText).join(' ');
    const own = element.tagName === 'INPUT' ? element.value : element.innerText;
    return [label, element.getAttribute('aria-label'), own, element.title].map(fold);
};
const best = (candidates, names) => {
    const seen = candidates.filter(visible);
    const whole = seen.find(each => names(each).includes(fold(wanted)));
    if (whole) return whole;
    const length = each => Math.min(...names(each).filter(name => name.startsWith(fold(wanted)))
        .map(name => name.length));
    return seen.filter(each => length(each) < Infinity).sort((a, b) => length(a) - length(b))[0];
};
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const BUTTON = 'button, [role=button], [role=tab], [role=menuitem], input[type=submit], summary';
const lines = text => [...all('tbody tr, [role=row], li'), ...all('article')]
    .filter(each => visible(each) && fold(each.innerText).includes(fold(text)));
const look = {
    css: () => all(wanted).find(visible),
    button: () => best(all(BUTTON), named),
    link: () => best(all('a[href]'), named),
    row: () => lines(wanted)[0],
    inrow: () => lines(row)[0] && best(all(BUTTON + ', a[href]', lines(row)[0]), named),
    field: () => best(
        all('input:not([type=hidden]), select, textarea, [contenteditable]'),
        each => [...[...(each.labels || [])].map(label => fold(label.innerText)), ...named(each)]),
};
return look[kind]() || null;
";
