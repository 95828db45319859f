//! `mcpass doctor`: checks what can be wrong, and says how to mend it.

use mcpass_authority::api::ServerView;
use serde::Serialize;

use crate::cli::DatabaseOption;
use crate::config::{Config, Environment, Options};
use crate::failure::Failure;
use crate::output::{Output, Text, Tone};

mod configuration;
mod folder;
mod state;
#[cfg(test)]
mod tests;
mod upstream;

/// `mcpass doctor`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass doctor
  mcpass doctor --data /var/lib/mcpass --json

Shows each setting with who decided it: an option, a variable, a line of the file or the default.
Mends nothing by itself. The exit code is 1 if something is broken.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Works, and may harm.
    Warning,
    /// Does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Finding {
    /// What was looked at: `configuration`, `data folder`, `database`, …
    area: &'static str,
    level: Level,
    /// What was found, in one sentence.
    text: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Finding {
    fn ok(area: &'static str, text: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, text: text.into(), mend: None }
    }

    fn note(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::ok(area, text) }
    }

    fn warning(area: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { area, level: Level::Warning, text: text.into(), mend: Some(mend.into()) }
    }

    fn broken(area: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Broken, ..Self::warning(area, text, mend) }
    }

    /// A failure of something else, as what was found.
    fn failed(area: &'static str, failure: &Failure) -> Self {
        let mend = failure.hint().map(str::to_owned);
        Self { area, level: Level::Broken, text: failure.message().to_owned(), mend }
    }
}

/// One setting and who decided it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Row {
    key: &'static str,
    value: String,
    decided_by: String,
    about: &'static str,
}

/// Everything that was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Report {
    /// Whether nothing is broken.
    ok: bool,
    settings: Vec<Row>,
    findings: Vec<Finding>,
}

/// Does what was typed.
///
/// # Errors
/// When something is broken, after it has been shown.
pub(crate) async fn run(
    options: &Options,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let report = examine(options, environment).await;
    show(&report, output)?;
    let broken = report.findings.iter().filter(|finding| finding.level == Level::Broken).count();
    match broken {
        0 => Ok(()),
        1 => Err(Failure::new("1 thing is broken")),
        many => Err(Failure::new(format!("{many} things are broken"))),
    }
}

/// What a server's settings need and cannot be found from here, in one sentence each.
pub(crate) fn missing(server: &ServerView, environment: &Environment) -> Vec<String> {
    let found = needs(server, environment).into_iter();
    found.filter(|finding| finding.level == Level::Broken).map(|finding| finding.text).collect()
}

fn needs(server: &ServerView, environment: &Environment) -> Vec<Finding> {
    let Ok(name) = server.name.parse() else { return Vec::new() };
    upstream::check(&name, &server.kind.clone().into(), environment)
}

async fn examine(options: &Options, environment: &Environment) -> Report {
    let mut findings = Vec::new();
    let mut settings = Vec::new();
    match Config::load(options, environment) {
        Ok(config) => {
            settings = rows(&config);
            findings.extend(configuration::check(&config, environment));
            findings.extend(folder::check(&config));
            findings.extend(state::check(&config, environment).await);
        }
        Err(error) => findings.push(Finding::failed("configuration", &error.into())),
    }
    let ok = findings.iter().all(|finding| finding.level != Level::Broken);
    Report { ok, settings, findings }
}

fn rows(config: &Config) -> Vec<Row> {
    let decisions = config.decisions().into_iter();
    let row =
        |(setting, value, origin): (crate::config::Setting, String, crate::config::Origin)| Row {
            key: setting.key,
            value,
            decided_by: origin.to_string(),
            about: setting.about,
        };
    decisions.map(row).collect()
}

fn show(report: &Report, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(report);
    }
    let rows = report.settings.iter().map(|row| {
        let tone = if row.decided_by == "default" { Tone::Dim } else { Tone::Plain };
        vec![row.key.into(), row.value.as_str().into(), Text::toned(&row.decided_by, tone)]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        output.table(&["setting", "value", "decided by"], rows, "")?;
        output.text("")?;
    }
    let rows = report.findings.iter().map(|finding| {
        let (word, tone) = match finding.level {
            Level::Ok => ("ok", Tone::Good),
            Level::Note => ("note", Tone::Dim),
            Level::Warning => ("warning", Tone::Warn),
            Level::Broken => ("broken", Tone::Bad),
        };
        vec![Text::toned(word, tone), finding.area.into(), finding.text.as_str().into()]
    });
    output.table(&["", "area", "found"], rows.collect(), "")?;
    for finding in &report.findings {
        if let Some(mend) = &finding.mend {
            output.text("")?;
            output.line(format!("{}: {}", finding.area, finding.text))?;
            output.line(format!("  mend: {mend}"))?;
        }
    }
    Ok(())
}
