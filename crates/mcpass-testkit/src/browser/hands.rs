//! What a person does with a page.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::find::{Element, Find};
use super::{Browser, text};

/// Keys without a letter (W3C WebDriver, section 17.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Control, with another.
    Control,
    /// Shift, with another.
    Shift,
    /// A key with a letter.
    Letter(char),
}

impl Key {
    fn value(self) -> char {
        match self {
            Self::Enter => '\u{E007}',
            Self::Escape => '\u{E00C}',
            Self::Tab => '\u{E004}',
            Self::Up => '\u{E013}',
            Self::Down => '\u{E015}',
            Self::Left => '\u{E012}',
            Self::Right => '\u{E014}',
            Self::Control => '\u{E009}',
            Self::Shift => '\u{E008}',
            Self::Letter(letter) => letter,
        }
    }
}

impl Browser {
    /// Clicks, and waits for the page that this leads to.
    ///
    /// # Errors
    /// When it is not there, or covered by something else.
    pub async fn click(&self, find: Find<'_>) -> Result<()> {
        self.with(find, async |element| self.element(element, "click", &json!({})).await).await
    }

    /// Clicks a button. See [`Browser::click`].
    ///
    /// # Errors
    /// As [`Browser::click`].
    pub async fn press(&self, text: &str) -> Result<()> {
        self.click(Find::Button(text)).await
    }

    /// Follows a link. See [`Browser::click`].
    ///
    /// # Errors
    /// As [`Browser::click`].
    pub async fn follow(&self, text: &str) -> Result<()> {
        self.click(Find::Link(text)).await
    }

    /// Replaces what is in the field of this label.
    ///
    /// # Errors
    /// When there is none, or it takes no text.
    pub async fn fill(&self, label: &str, value: &str) -> Result<()> {
        self.fill_in(Find::Field(label), value).await
    }

    /// Replaces what is in a field.
    ///
    /// # Errors
    /// As [`Browser::fill`].
    pub async fn fill_in(&self, find: Find<'_>, value: &str) -> Result<()> {
        self.with(find, async |element| {
            self.element(element, "clear", &json!({})).await?;
            self.element(element, "value", &json!({ "text": value })).await
        })
        .await
    }

    /// Replaces what is in a field without typing: for texts of thousands of characters, and for
    /// those that no keyboard has.
    ///
    /// # Errors
    /// When there is none.
    pub async fn paste(&self, label: &str, value: &str) -> Result<()> {
        self.with(Find::Field(label), async |element| {
            self.run(PASTE, &[element.json(), value.into()]).await.map(drop)
        })
        .await
    }

    /// Chooses an option by its text.
    ///
    /// # Errors
    /// When there is no such list or option.
    pub async fn choose(&self, label: &str, option: &str) -> Result<()> {
        self.choose_in(Find::Field(label), option).await
    }

    /// Chooses an option of a list by its text.
    ///
    /// # Errors
    /// As [`Browser::choose`].
    pub async fn choose_in(&self, find: Find<'_>, option: &str) -> Result<()> {
        self.with(find, async |element| {
            let found = self.run(OPTION, &[element.json(), option.into()]).await?;
            let Some(found) = Element::from_json(&found) else {
                anyhow::bail!("{find:?} has no option {option:?}, but {found}");
            };
            self.element(&found, "click", &json!({})).await
        })
        .await
    }

    /// Sets a box or a radio button of this label.
    ///
    /// # Errors
    /// When it is not there, or does not change.
    pub async fn tick(&self, find: Find<'_>, is_on: bool) -> Result<()> {
        self.with(find, async |element| {
            let is_ticked =
                async || self.run("return arguments[0].checked", &[element.json()]).await;
            if is_ticked().await? != is_on {
                self.element(element, "click", &json!({})).await?;
                // A click may lead elsewhere, where the box is no more.
                let now = is_ticked().await.unwrap_or(Value::from(is_on));
                ensure!(now == is_on, "{find:?} does not change");
            }
            Ok(())
        })
        .await
    }

    /// What is in the field of this label.
    ///
    /// # Errors
    /// When there is none.
    pub async fn value(&self, find: Find<'_>) -> Result<String> {
        self.with(find, async |element| {
            text(
                &self
                    .run("return arguments[0].value ?? arguments[0].innerText", &[element.json()])
                    .await?,
            )
        })
        .await
    }

    /// Presses keys together, where the focus is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn keys(&self, keys: &[Key]) -> Result<()> {
        let act = |kind: &str, key: &Key| json!({ "type": kind, "value": key.value().to_string() });
        let down = keys.iter().map(|key| act("keyDown", key));
        let up = keys.iter().rev().map(|key| act("keyUp", key));
        let actions: Vec<Value> = down.chain(up).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.driver.post("actions", &json!({ "actions": [keyboard] })).await.map(drop)
    }

    /// Presses a key without a letter, where the focus is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn key(&self, key: Key) -> Result<()> {
        self.keys(&[key]).await
    }

    /// Types a text, where the focus is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        for letter in text.chars() {
            self.key(Key::Letter(letter)).await?;
        }
        Ok(())
    }

    /// Presses Tab until what has the focus begins with this.
    ///
    /// # Errors
    /// When no part of the page that Tab reaches does.
    pub async fn tab_to(&self, wanted: &str) -> Result<()> {
        for _ in 0..MOST_STOPS {
            self.key(Key::Tab).await?;
            if self.focused().await?.starts_with(wanted) {
                return Ok(());
            }
        }
        anyhow::bail!("Tab does not reach {wanted:?}");
    }

    /// What has the focus: its label, text or value, whichever there is first.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn focused(&self) -> Result<String> {
        text(&self.run(FOCUSED, &[]).await?)
    }

    /// What is on the clipboard.
    ///
    /// # Errors
    /// When the page may not be asked for it.
    pub async fn clipboard(&self) -> Result<String> {
        let permissions =
            json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.devtools("Browser.grantPermissions", &permissions).await?;
        let script = "const done = arguments[arguments.length - 1];
            navigator.clipboard.readText().then(done, error => done(null));";
        text(&self.run_async(script, &[]).await?)
    }

    /// Saves what pages offer for download into `folder` from now on, under the names that they
    /// give, and asks nobody.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn save_downloads_to(&self, folder: &Path) -> Result<()> {
        let parameters = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", &parameters).await.map(drop)
    }

    /// Answers the browser's own dialogue, if there is one: with OK, or not.
    ///
    /// # Errors
    /// When there is none.
    pub async fn answer_dialogue(&self, is_ok: bool) -> Result<()> {
        let command = if is_ok { "alert/accept" } else { "alert/dismiss" };
        self.driver.post(command, &json!({})).await.map(drop)
    }

    async fn element(&self, element: &Element, act: &str, body: &Value) -> Result<()> {
        self.driver.post(&format!("element/{}/{act}", element.id()), body).await.map(drop)
    }
}

/// Stops of Tab on a page, at most: far more than any page has.
const MOST_STOPS: usize = 200;

const PASTE: &str = "
const [element, value] = arguments;
element.focus();
element.value = value;
element.dispatchEvent(new Event('input', { bubbles: true }));
element.dispatchEvent(new Event('change', { bubbles: true }));
";

const OPTION: &str = r"
const [select, wanted] = arguments;
const fold = text => text.replace(/\s+/g, ' ').trim();
const options = [...select.options];
return options.find(option => fold(option.text) === wanted) ||
    options.find(option => fold(option.text).startsWith(wanted)) ||
    options.map(option => option.text).join(', ');
";

const FOCUSED: &str = r"
const element = document.activeElement;
const label = element.labels && element.labels[0] && element.labels[0].innerText;
const name = element.getAttribute('aria-label') || label || element.innerText || element.value;
return (name || '').replace(/\s+/g, ' ').trim();
";
