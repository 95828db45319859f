//! What a server's tools say of themselves: their annotation classes, for permissions such as
//! `github.@read`.

mod listings;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{Monotonic, Target, ToolClass};
use mcpass_protocol::{self as protocol, ListKind};
use parking_lot::Mutex;

use self::listings::Listings;
pub(crate) use self::listings::{Pages, Reading};
use crate::inventory::Kept;
use crate::link::{self, LinkError, Speaker};
use crate::shared::Worker;
use crate::upstream::Upstream;

/// How long annotations are believed.
const TTL: Duration = Duration::from_mins(1);
/// How soon a tool that was not there is looked for again.
const ABSENT_TTL: Duration = Duration::from_secs(2);

/// How long the list may take, with the wait for others who read it. Calls wait for it.
const READ_TIME: Duration = Duration::from_secs(10);

/// The classes of one server's tools, read from its own `tools/list`, and its lists.
#[derive(Debug, Default)]
pub struct Catalogue {
    list: Mutex<Option<List>>,
    /// Held while the list is read, so that many calls read it once.
    reading: tokio::sync::Mutex<()>,
    listings: Listings,
    pub(crate) kept: Kept,
}

/// The tools as they were listed.
#[derive(Debug)]
struct List {
    classes: HashMap<Box<str>, ToolClass>,
    read: Monotonic,
}

/// What is known of a tool and still believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    /// Its class; none if there is no such tool.
    Class(Option<ToolClass>),
    /// The list has to be read.
    Nothing,
}

impl Catalogue {
    /// The class of a tool; none if the server lists no such tool.
    ///
    /// # Errors
    /// When the list cannot be read. Nothing may be assumed of the tool then.
    pub async fn class(
        &self,
        worker: &Arc<Worker>,
        upstream: &Arc<Upstream>,
        tool: &str,
    ) -> Result<Option<ToolClass>, LinkError> {
        if let Known::Class(class) = self.lookup(tool, worker.shared.monotonic()) {
            return Ok(class);
        }
        let read = tokio::time::timeout(READ_TIME, self.read(worker, upstream, tool)).await;
        read.unwrap_or(Err(LinkError::Timeout(READ_TIME)))
    }

    async fn read(
        &self,
        worker: &Arc<Worker>,
        upstream: &Arc<Upstream>,
        tool: &str,
    ) -> Result<Option<ToolClass>, LinkError> {
        let _reading = self.reading.lock().await;
        let now = worker.shared.monotonic();
        if let Known::Class(class) = self.lookup(tool, now) {
            return Ok(class);
        }
        let pages = link::pages(worker, upstream, Speaker::SELF, ListKind::Tools).await?;
        let mut classes = HashMap::new();
        for page in &pages {
            let list = protocol::List::read(page, ListKind::Tools)
                .map_err(|why| LinkError::Garbage(why.to_string()))?;
            for item in list.items() {
                if let Some(name) = &item.name {
                    let class = ToolClass::from_hints(item.read_only, item.destructive);
                    let known = upstream.reach.known_as(Target::Tool(name));
                    classes.insert(known.name().into(), class);
                }
            }
        }
        let class = classes.get(tool).copied();
        *self.list.lock() = Some(List { classes, read: now });
        Ok(class)
    }

    /// What was last known of a tool, however long ago.
    pub(crate) fn last_known(&self, tool: &str) -> Option<ToolClass> {
        self.list.lock().as_ref()?.classes.get(tool).copied()
    }

    fn lookup(&self, tool: &str, now: Monotonic) -> Known {
        let list = self.list.lock();
        let Some(list) = &*list else {
            return Known::Nothing;
        };
        let age = now.since(list.read);
        match list.classes.get(tool) {
            Some(class) if age < TTL => Known::Class(Some(*class)),
            None if age < ABSENT_TTL => Known::Class(None),
            _ => Known::Nothing,
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
        assert_eq!(catalogue.lookup("a", at(0)), Known::Nothing);
        let classes = HashMap::from([("a".into(), ToolClass::Read)]);
        *catalogue.list.lock() = Some(List { classes, read: at(0) });
        assert_eq!(catalogue.lookup("a", at(59)), Known::Class(Some(ToolClass::Read)));
        assert_eq!(catalogue.lookup("a", at(60)), Known::Nothing);
        assert_eq!(catalogue.lookup("b", at(1)), Known::Class(None));
        assert_eq!(catalogue.lookup("b", at(2)), Known::Nothing);
    }
}
