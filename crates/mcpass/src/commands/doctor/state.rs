//! What only an authority knows: the database, the clock, tokens, users, servers. Asked of the
//! running server or, if none runs, of the database itself.

use std::net::TcpListener;
use std::time::Duration;

use mcpass_authority::api::{
    AuditList, LogList, Page, Reply, Request, Status, TokenList, TokenView,
};
use mcpass_domain::{Clock as _, SystemClock, Timestamp};
use mcpass_record::Position;

use super::Finding;
use crate::config::{Config, Environment};
use crate::data::DataFolder;
use crate::failure::Failure;
use crate::session::Session;
use crate::times;

/// Moments that a sane clock lies between: 2025 and 2100.
const SANE: (i64, i64) = (1_735_689_600_000_000, 4_102_444_800_000_000);
/// Clocks may differ so much before anybody needs to know.
const TOLERANCE: Duration = Duration::from_secs(5);
/// Tokens that are looked at for one finding at most.
const LOOKED_AT: u32 = 1_000;

/// What the authority tells.
pub(super) async fn check(config: &Config, environment: &Environment) -> Vec<Finding> {
    let now = SystemClock::new().now();
    let mut findings = vec![clock(now)];
    let Some(folder) = DataFolder::existing(&config.data.value) else {
        findings.push(address_is_free(config));
        return findings;
    };
    let mut session = match Session::open(config).await {
        Ok(session) => session,
        Err(failure) => {
            findings.push(Finding::failed("database", &failure));
            return findings;
        }
    };
    if !session.is_server() {
        findings.push(Finding::note("server", "no server runs on this data folder"));
        findings.extend(leftovers(&folder));
        findings.push(address_is_free(config));
    }
    match ask(&mut session, config, environment, now).await {
        Ok(found) => findings.extend(found),
        Err(failure) => findings.push(Finding::failed("database", &failure)),
    }
    findings
}

async fn ask(
    session: &mut Session,
    config: &Config,
    environment: &Environment,
    now: Timestamp,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    if let Reply::Status(status) = session.call(Request::Status).await? {
        if session.is_server() {
            findings.extend(running(&status, now));
        }
        findings.push(store(&status, config));
    }
    findings.extend(future_rows(session, now).await?);
    findings.extend(users(session).await?);
    findings.extend(tokens(session).await?);
    if let Reply::Servers(servers) = session.call(Request::ServerList).await? {
        // Those of the file have been looked at.
        let stored = servers.iter().filter(|server| server.is_enabled && !server.is_declared);
        findings.extend(stored.flat_map(|server| super::needs(server, environment)));
    }
    Ok(findings)
}

fn clock(now: Timestamp) -> Finding {
    if (SANE.0..SANE.1).contains(&now.as_micros()) {
        return Finding::ok("clock", format!("it is {}", times::to_seconds(now)));
    }
    Finding::broken(
        "clock",
        format!("the clock says {}", times::to_seconds(now)),
        "set the clock (timedatectl set-ntp true): expiry and limits go by it",
    )
}

/// Nobody but us may listen where we want to.
fn address_is_free(config: &Config) -> Finding {
    let address = config.listen.value.0;
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("network", format!("{address} is free")),
        Err(error) => Finding::broken(
            "network",
            format!("nothing can listen on {address}: {error}"),
            "end what listens there (ss -ltnp shows it), or choose another address: listen in mcpass.toml, MCPASS_LISTEN or serve --listen",
        ),
    }
}

/// A server that ends by itself leaves none.
fn leftovers(folder: &DataFolder) -> Option<Finding> {
    let journals = mcpass_record::journals(&folder.journal()).ok()?;
    let bytes: u64 = journals.iter().map(|journal| journal.bytes_after(Position::default())).sum();
    (bytes > 0).then(|| {
        Finding::note(
            "record",
            format!(
                "a server that was killed left {bytes} bytes of the access record; `mcpass log` \
                 and the next server put them into the database"
            ),
        )
    })
}

fn running(status: &Status, now: Timestamp) -> Vec<Finding> {
    let since = times::relative(status.started_at, now);
    let listen = status.listen.as_deref().unwrap_or("no address");
    let text = format!("process {} listens on {listen}, started {since}", status.pid);
    let mut findings = vec![Finding::ok("server", text)];
    let own = env!("CARGO_PKG_VERSION");
    if status.version != own {
        findings.push(Finding::warning(
            "server",
            format!("it is version {}, and this is {own}", status.version),
            "restart the server with this version",
        ));
    }
    let apart = now.since(status.now).max(status.now.since(now));
    if apart > TOLERANCE {
        findings.push(Finding::warning(
            "clock",
            format!("the server's clock is {} s off this one", apart.as_secs()),
            "set both clocks by NTP",
        ));
    }
    findings
}

fn store(status: &Status, config: &Config) -> Finding {
    let database = &config.database.value;
    if status.store_ok {
        return Finding::ok("database", format!("{database} can be read and written"));
    }
    let why = status.store_error.as_deref().unwrap_or("no reason was given");
    Finding::broken(
        "database",
        format!("{database} cannot be used: {why}"),
        "make it reachable and writable; access is refused until then, and comes back by itself",
    )
}

/// A row from the future means that the clock was, or is, wrong.
async fn future_rows(session: &mut Session, now: Timestamp) -> Result<Option<Finding>, Failure> {
    let mut latest = None;
    let list = LogList { limit: Some(1), ..LogList::default() };
    if let Reply::Log(page) = session.call(Request::LogList(list)).await? {
        latest = latest.max(page.items.first().map(|row| row.at));
    }
    let list = AuditList { limit: Some(1), ..AuditList::default() };
    if let Reply::Audit(page) = session.call(Request::AuditList(list)).await? {
        latest = latest.max(page.items.first().map(|row| row.at));
    }
    Ok(latest.filter(|latest| latest.since(now) > TOLERANCE).map(|latest| {
        Finding::warning(
            "clock",
            format!("the last recorded moment, {}, lies in the future", times::to_seconds(latest)),
            "the clock is wrong now, or was then: set it by NTP",
        )
    }))
}

async fn users(session: &mut Session) -> Result<Option<Finding>, Failure> {
    let Reply::Users(users) = session.call(Request::UserList).await? else { return Ok(None) };
    if users.is_empty() {
        return Ok(Some(Finding::note("users", "there are none yet: mcpass user create NAME")));
    }
    let has_superuser = users.iter().any(|user| user.is_superuser && user.is_active);
    Ok((!has_superuser).then(|| {
        Finding::note(
            "users",
            "no active user is a superuser: only the command line can manage everything \
             (mcpass user edit NAME --superuser true)",
        )
    }))
}

async fn tokens(session: &mut Session) -> Result<Vec<Finding>, Failure> {
    let active = TokenList { state: Some("active".to_owned()), ..TokenList::default() };
    let all = list(session, active.clone()).await?;
    let mut findings = vec![Finding::ok("tokens", format!("{} active", count(&all)))];
    let endless = all.items.iter().filter(|token| token.facts.expires_at.is_none()).count();
    if endless > 0 {
        findings.push(Finding::warning(
            "tokens",
            format!("{endless} never expire"),
            "give them an end: mcpass token edit ID --expires 90d",
        ));
    }
    let expiring = TokenList { expiring: Some("7d".to_owned()), ..active.clone() };
    let expiring = list(session, expiring).await?;
    if !expiring.items.is_empty() {
        findings.push(Finding::warning(
            "tokens",
            format!("{} expire within 7 days", count(&expiring)),
            "see mcpass token list --expiring 7d, then mcpass token rotate ID --overlap 24h",
        ));
    }
    let unused = list(session, TokenList { unused: Some("30d".to_owned()), ..active }).await?;
    if !unused.items.is_empty() {
        findings.push(Finding::note(
            "tokens",
            format!("{} not used for 30 days: mcpass token list --unused 30d", count(&unused)),
        ));
    }
    Ok(findings)
}

async fn list(session: &mut Session, list: TokenList) -> Result<Page<TokenView>, Failure> {
    let list = TokenList { limit: Some(LOOKED_AT), ..list };
    match session.call(Request::TokenList(list)).await? {
        Reply::Tokens(page) => Ok(page),
        _ => Err(crate::commands::unexpected()),
    }
}

fn count(page: &Page<TokenView>) -> String {
    let more = if page.next.is_some() { "at least " } else { "" };
    format!("{more}{}", page.items.len())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_from_another_century_is_broken() {
        assert_eq!(clock(Timestamp::from_micros(0)).level, Level::Broken);
        assert_eq!(clock(Timestamp::parse("2101-01-01T00:00:00Z").unwrap()).level, Level::Broken);
        assert_eq!(clock(Timestamp::parse("2026-11-21T00:00:00Z").unwrap()).level, Level::Ok);
    }

    #[test]
    fn a_server_of_another_version_or_time_is_told() {
        let now = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let status = Status {
            version: "0.0.0".to_owned(),
            pid: 7,
            started_at: now,
            now: now.saturating_add(Duration::from_mins(1)),
            listen: Some("127.0.0.1:7788".to_owned()),
            store_ok: false,
            store_error: Some("disk I/O error".to_owned()),
            cap_to_user: false,
        };
        let found = running(&status, now);
        assert!(found.iter().any(|finding| finding.text.contains("version 0.0.0")));
        assert!(found.iter().any(|finding| finding.text.contains("60 s off")));
        let same = Status { version: env!("CARGO_PKG_VERSION").to_owned(), now, ..status };
        assert!(running(&same, now).iter().all(|finding| finding.level == Level::Ok));
    }
}
