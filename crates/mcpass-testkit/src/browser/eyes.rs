//! What is to be read, seen and heard of a page.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Browser, text};
use crate::clients::{installed, root};

/// The size of what the page is shown on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Screen {
    /// 1280 by 800.
    Desktop,
    /// 1024 by 768, where the sidebar makes way.
    Tablet,
    /// 390 by 844.
    Phone,
    /// 320 by 640: the narrowest that WCAG asks for (1.4.10), and 1280 at 400 % zoom.
    Narrow,
}

/// What the system prefers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// What a page costs a visitor who has nothing of it yet.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// Bytes that came over the wire, heads included.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
}

impl Screen {
    fn size(self) -> (u32, u32) {
        match self {
            Self::Desktop => (1280, 800),
            Self::Tablet => (1024, 768),
            Self::Phone => (390, 844),
            Self::Narrow => (320, 640),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Tablet => "tablet",
            Self::Phone => "phone",
            Self::Narrow => "narrow",
        }
    }
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    /// All visible text.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn text(&self) -> Result<String> {
        text(&self.run("return document.body ? document.body.innerText : ''", &[]).await?)
    }

    /// Waits until this is to be read, white space folded.
    ///
    /// # Errors
    /// When it never is.
    pub async fn see(&self, wanted: &str) -> Result<()> {
        self.wait(&format!("{wanted:?} is to be read"), async || {
            Ok(fold(&self.text().await?).contains(&fold(wanted)).then_some(()))
        })
        .await
    }

    /// Waits until this is not to be read.
    ///
    /// # Errors
    /// When it stays.
    pub async fn see_no(&self, unwanted: &str) -> Result<()> {
        self.wait(&format!("{unwanted:?} is not to be read"), async || {
            Ok((!fold(&self.text().await?).contains(&fold(unwanted))).then_some(()))
        })
        .await
    }

    /// Shows pages at this size from now on.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn screen(&self, screen: Screen) -> Result<()> {
        let (width, height) = screen.size();
        let is_small = matches!(screen, Screen::Phone | Screen::Narrow);
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_small });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await.map(drop)
    }

    /// Prefers this theme from now on.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn theme(&self, theme: Theme) -> Result<()> {
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme.name() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }))
            .await
            .map(drop)
    }

    /// Writes pictures of the page in both themes, on a desktop and on a phone, into
    /// `target/screens`, and checks that none has to be scrolled sideways, not even at 320 px.
    ///
    /// # Errors
    /// When the page is wider than a screen, or a picture cannot be written.
    pub async fn screenshots(&self, name: &str) -> Result<()> {
        for screen in [Screen::Desktop, Screen::Phone] {
            self.screen(screen).await?;
            self.no_sideways(name, screen).await?;
            for theme in [Theme::Light, Theme::Dark] {
                self.theme(theme).await?;
                self.screenshot(&format!("{name}-{}-{}", screen.name(), theme.name())).await?;
            }
        }
        for screen in [Screen::Tablet, Screen::Narrow, Screen::Desktop] {
            self.screen(screen).await?;
            self.no_sideways(name, screen).await?;
        }
        self.theme(Theme::Light).await
    }

    /// Writes a picture of the whole page, as it is now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.devtools("Page.captureScreenshot", &parameters).await?;
        let data = picture.get("data").and_then(Value::as_str).context("a picture")?;
        let folder = root()?.join("target/screens");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.png")), STANDARD.decode(data)?)?;
        Ok(())
    }

    async fn no_sideways(&self, name: &str, screen: Screen) -> Result<()> {
        let wide = self.run(WIDE, &[]).await?;
        ensure!(wide.is_null(), "{name} is wider than a {} screen: {wide}", screen.name());
        Ok(())
    }

    /// What axe-core finds wrong with the page as it is now: for each rule, where.
    ///
    /// # Errors
    /// When axe-core is not installed, or fails.
    pub async fn axe(&self) -> Result<Vec<String>> {
        let path = root()?.join("tests/clients/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(installed(&path)?)?;
        if self.run("return typeof window.axe", &[]).await? == "undefined" {
            self.run(&axe, &[]).await?;
        }
        let found = self.run_async(AXE, &[]).await?;
        if let Some(error) = found.as_str() {
            bail!("axe-core fails: {error}");
        }
        let found: Vec<String> = serde_json::from_value(found)?;
        Ok(found)
    }

    /// What the browser has complained of since this was last asked: errors of scripts, violations
    /// of the content security policy, requests that failed.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.driver.post("se/log", &json!({ "type": "browser" })).await?;
        let entries = log.as_array().context("a log")?;
        let is_bad = |entry: &&Value| {
            entry.get("level").is_some_and(|level| level == "SEVERE" || level == "WARNING")
        };
        let bad = entries.iter().filter(is_bad);
        Ok(bad.filter_map(|entry| entry.get("message")?.as_str().map(str::to_owned)).collect())
    }

    /// How much the page has moved by itself since it was loaded (cumulative layout shift).
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn layout_shift(&self) -> Result<f64> {
        self.run(SHIFT, &[]).await?.as_f64().context("a number")
    }

    /// What moved, from where to where, for [`Browser::layout_shift`] that should be none.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn moved(&self) -> Result<Vec<String>> {
        let moved = self.run(MOVED, &[]).await?;
        let moved = moved.as_array().context("a list")?.iter();
        Ok(moved.filter_map(|one| one.as_str().map(str::to_owned)).collect())
    }

    /// Opens an address with an empty cache, and weighs all that came.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn weigh(&self, url: &str) -> Result<Weight> {
        self.devtools("Network.clearBrowserCache", &json!({})).await?;
        self.open(url).await?;
        let weight = self.run(WEIGHT, &[]).await?;
        let number = |name: &str| weight.get(name).and_then(Value::as_u64).context("a number");
        Ok(Weight { bytes: number("bytes")?, requests: number("requests")? })
    }
}

/// Runs of white space count as one space.
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first parts that stick out, if the page can be scrolled sideways.
const WIDE: &str = r"
const width = document.documentElement.clientWidth;
if (document.scrollingElement.scrollWidth <= width) return null;
return [...document.querySelectorAll('body *')]
    .filter(each => each.getBoundingClientRect().right > width + 1)
    .slice(0, 5)
    .map(each => `${each.tagName} ${each.className} ${each.innerText || ''}`.slice(0, 80));
";

const AXE: &str = r"
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] }).then(
    found => done(found.violations.flatMap(rule => rule.nodes.map(node =>
        `${rule.id}: ${node.target.join(' ')}: ${node.html.slice(0, 160)}: ` +
        node.failureSummary.replace(/\s+/g, ' ')))),
    error => done(String(error)));
";

const SHIFT: &str = r"
const observer = new PerformanceObserver(() => {});
observer.observe({ type: 'layout-shift', buffered: true });
const shifts = observer.takeRecords().filter(each => !each.hadRecentInput);
observer.disconnect();
return shifts.reduce((sum, each) => sum + each.value, 0);
";

const MOVED: &str = r"
const observer = new PerformanceObserver(() => {});
observer.observe({ type: 'layout-shift', buffered: true });
const shifts = observer.takeRecords().filter(each => !each.hadRecentInput);
observer.disconnect();
const box = each => `${each.x},${each.y} ${each.width}x${each.height}`;
const name = node => node?.outerHTML?.slice(0, 80) ?? node?.textContent;
return shifts.flatMap(shift => shift.sources.map(each =>
    `${name(each.node)}: ${box(each.previousRect)} to ${box(each.currentRect)}`));
";

const WEIGHT: &str = r"
const all = [...performance.getEntriesByType('navigation'),
    ...performance.getEntriesByType('resource')];
return { bytes: all.reduce((sum, each) => sum + each.transferSize, 0), requests: all.length };
";
