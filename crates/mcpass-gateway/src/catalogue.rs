//! What a server's tools say of themselves: their annotation classes, for permissions such as
//! `github.@read`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{Monotonic, ToolClass};
use mcpass_protocol::{List, ListKind};
use parking_lot::Mutex;

use crate::link::{self, LinkError, Speaker};
use crate::shared::Worker;
use crate::upstream::Upstream;

/// How long annotations are believed.
const TTL: Duration = Duration::from_secs(60);
/// How soon a tool that was not there is looked for again.
const ABSENT_TTL: Duration = Duration::from_secs(2);

/// The classes of one server's tools, read from its own `tools/list`.
#[derive(Debug, Default)]
pub struct Catalogue {
    known: Mutex<Option<Known>>,
    /// Held while the list is read, so that many calls read it once.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Known {
    classes: Arc<HashMap<Box<str>, ToolClass>>,
    read: Monotonic,
}

impl Catalogue {
    /// The class of a tool; none if the server lists no such tool.
    ///
    /// # Errors
    /// When the list cannot be read. Nothing may be assumed of the tool then.
    pub async fn class(
        &self,
        worker: &Worker,
        upstream: &Upstream,
        tool: &str,
    ) -> Result<Option<ToolClass>, LinkError> {
        if let Some(answer) = self.lookup(tool, worker.shared.monotonic()) {
            return Ok(answer);
        }
        let _reading = self.reading.lock().await;
        let now = worker.shared.monotonic();
        if let Some(answer) = self.lookup(tool, now) {
            return Ok(answer);
        }
        let pages = link::pages(worker, upstream, Speaker::SELF, ListKind::Tools).await?;
        let mut classes = HashMap::new();
        for page in &pages {
            let list = List::read(page, ListKind::Tools)
                .map_err(|why| LinkError::Garbage(why.to_string()))?;
            for item in list.items() {
                if let Some(name) = &item.name {
                    let class = ToolClass::from_hints(item.read_only, item.destructive);
                    classes.insert(name.as_ref().into(), class);
                }
            }
        }
        let class = classes.get(tool).copied();
        *self.known.lock() = Some(Known { classes: Arc::new(classes), read: now });
        Ok(class)
    }

    /// What was last known of a tool, however long ago. For explanations, not for decisions.
    pub fn last_known(&self, tool: &str) -> Option<ToolClass> {
        self.known.lock().as_ref()?.classes.get(tool).copied()
    }

    /// What is known and still believed.
    fn lookup(&self, tool: &str, now: Monotonic) -> Option<Option<ToolClass>> {
        let known = self.known.lock();
        let known = known.as_ref()?;
        let age = now.since(known.read);
        match known.classes.get(tool) {
            Some(class) if age < TTL => Some(Some(*class)),
            None if age < ABSENT_TTL => Some(None),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_is_known_is_believed_for_a_while_and_absence_for_less() {
        let catalogue = Catalogue::default();
        assert_eq!(catalogue.lookup("a", at(0)), None);
        let classes = Arc::new(HashMap::from([("a".into(), ToolClass::Read)]));
        *catalogue.known.lock() = Some(Known { classes, read: at(0) });
        assert_eq!(catalogue.lookup("a", at(59)), Some(Some(ToolClass::Read)));
        assert_eq!(catalogue.lookup("a", at(60)), None);
        assert_eq!(catalogue.lookup("b", at(1)), Some(None));
        assert_eq!(catalogue.lookup("b", at(2)), None);
    }
}
