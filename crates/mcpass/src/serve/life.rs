//! Start, run, end.

use std::net::SocketAddr;
use std::sync::Arc;

use mcpass_authority::api::SettingView;
use mcpass_authority::control::ControlSocket;
use mcpass_authority::loader::{Loader, LoaderConfig, LoaderOptions};
use mcpass_authority::{Authority, Context, Options};
use mcpass_domain::{Clock, Entropy, Monotonic, OsEntropy, SystemClock, Timestamp};
use mcpass_gateway::listener::Prepared;
use mcpass_gateway::upstream::credentials::SystemSecrets;
use mcpass_gateway::{Gateway, Parts};
use mcpass_record::{Gate, RunId, Sync};
use mcpass_store::{Store, sql};
use mcpass_web::console::{Console, Parts as ConsoleParts};
use mcpass_web::{Site, router};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::database::{Databases, Probe};
use super::observe::Observed;
use super::pages::Pages;
use super::provider::provider;
use super::wiring::{
    BuiltIns, Healths, Inventories, Names, ToGateway, gateway_config, public_url, sign_in_options,
};
use super::{demo, say};
use crate::config::{Config, Origin, Setting, SyncMode};
use crate::data::DataFolder;
use crate::failure::Failure;
use mcpass_web::snippets;

/// What a start has made, to be ended in its order.
struct Running {
    gateway: Gateway,
    loader: Arc<Loader>,
    control: tokio::task::JoinHandle<()>,
    shutdown: CancellationToken,
    pages_end: CancellationToken,
}

pub(super) async fn run(
    config: &Config,
    folder: &DataFolder,
    is_demo: bool,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let starting = start(config, folder, is_demo);
    let running = tokio::select! {
        running = starting => running?,
        () = signals.next() => return Ok(()),
    };
    signals.next().await;
    tracing::info!("told to end; running calls finish first");
    tokio::select! {
        ended = end(config, running) => ended,
        () = signals.next() => Err(Failure::new("ended at once, as a second signal asked")),
    }
}

async fn start(config: &Config, folder: &DataFolder, is_demo: bool) -> Result<Running, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy = OsEntropy;
    let run: RunId = entropy.id(clock.now()).map_err(|error| Failure::new(error.to_string()))?;
    let store = sql::connect(&config.database.value.expose()).await.map_err(|error| {
        Failure::unavailable(format!("the database cannot be opened: {error}"))
            .with_hint("`mcpass doctor` says more")
    })?;
    let gate = Gate::default();
    let mut registry = Registry::default();
    let observed = Arc::new(Observed::default());
    let built_ins = built_ins(&store, &clock);
    let pages = Arc::new(Pages::new());
    let prepared = Gateway::prepare(
        Parts {
            config: gateway_config(config, folder),
            clock: Arc::clone(&clock),
            entropy: Arc::new(entropy),
            gate: gate.clone(),
            run,
            secrets: Arc::new(SystemSecrets),
            locals: Arc::clone(&built_ins) as _,
            background: tokio::runtime::Handle::current(),
            elsewhere: Arc::clone(&pages) as _,
        },
        &mut registry,
    )
    .map_err(|error| {
        Failure::unavailable(error.to_string()).with_hint("choose another address with --listen")
    })?;

    let loader = start_loader(config, folder, run, &store, &gate, &clock)?;
    let address = prepared.address();
    let authority = Authority::new(
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::new(entropy),
        Arc::new(ToGateway(Arc::clone(prepared.shared()))),
        options(config, address, &prepared, &loader),
    );
    observed.fill(registry, Arc::clone(prepared.shared()), Arc::clone(&loader));
    fill(config, &prepared, &authority, &loader, store.as_ref(), clock.as_ref(), is_demo).await?;

    let (shutdown, pages_end) = (CancellationToken::new(), CancellationToken::new());
    let at = public_url(config, address).unwrap_or_default();
    let console = Console::new(ConsoleParts {
        authority: authority.clone(),
        clock: Arc::clone(&clock),
        provider: provider(config, &at, &clock, Arc::new(entropy))?,
        entropy: Arc::new(entropy),
        hosts: Arc::new(Names(Arc::clone(prepared.shared()))),
        listen: Some(address.to_string()),
        read_timeout: config.limits.read_timeout.value.0,
        ending: pages_end.clone(),
    });
    let site = Site {
        authority: authority.clone(),
        operations: observed,
        sessions: Arc::new(console.sessions()),
        listen: Some(address.to_string()),
        read_timeout: config.limits.read_timeout.value.0,
        ending: pages_end.clone(),
    };
    pages.fill(router(site, console));
    let socket = ControlSocket::bind(&folder.socket())
        .map_err(|error| Failure::unavailable(error.to_string()))?;
    let control = tokio::spawn(socket.serve(authority.clone(), shutdown.clone()));
    let gateway = prepared.start().map_err(|error| Failure::unavailable(error.to_string()))?;
    tracing::info!(%address, database = %config.database.value, "listening");
    if is_demo {
        demo::fill(&built_ins).await?;
    }
    greet(config, folder, &authority, address, is_demo).await?;
    Ok(Running { gateway, loader, control, shutdown, pages_end })
}

/// The servers inside this process.
fn built_ins(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Arc<BuiltIns> {
    let databases = Databases {
        history: Arc::clone(store) as _,
        clock: Arc::clone(clock),
        entropy: Arc::new(OsEntropy),
        runtime: tokio::runtime::Handle::current(),
    };
    let entropy = Arc::new(OsEntropy);
    Arc::new(BuiltIns::new(Arc::clone(store) as _, Arc::clone(clock), entropy, databases))
}

/// How the authority works, and whom it asks.
fn options(
    config: &Config,
    address: SocketAddr,
    prepared: &Prepared,
    loader: &Arc<Loader>,
) -> Options {
    let shared = || Arc::clone(prepared.shared());
    Options {
        cap_to_user: config.cap_to_user.value,
        listen: Some(address.to_string()),
        log: Some(Arc::clone(loader) as _),
        databases: Some(Arc::new(Probe)),
        health: Some(Arc::new(Healths(shared()))),
        sign_in: sign_in_options(config, address),
        inventory: Some(Arc::new(Inventories(shared()))),
        settings: shown(config),
    }
}

/// The configuration for whoever may see it; a password in the database's URL is not shown.
fn shown(config: &Config) -> Vec<SettingView> {
    let view = |(setting, value, origin): (Setting, String, Origin)| SettingView {
        key: setting.key.to_owned(),
        value,
        decided_by: origin.to_string(),
        about: setting.about.to_owned(),
    };
    config.decisions().into_iter().map(view).collect()
}

fn start_loader(
    config: &Config,
    folder: &DataFolder,
    run: RunId,
    store: &Arc<dyn Store>,
    gate: &Gate,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Loader>, Failure> {
    let days = config.record.retention_days.value;
    let loader = Loader::start(LoaderConfig {
        folder: folder.journal(),
        run,
        store: Arc::clone(store),
        gate: gate.clone(),
        clock: Arc::clone(clock),
        options: LoaderOptions {
            retention_days: (days > 0).then_some(days),
            ..LoaderOptions::default()
        },
    });
    loader.map(Arc::new).map_err(|error| Failure::new(format!("no loader: {error}")))
}

/// Everything that decisions need, before the first request.
async fn fill(
    config: &Config,
    prepared: &Prepared,
    authority: &Authority,
    loader: &Loader,
    store: &dyn Store,
    clock: &dyn Clock,
    is_demo: bool,
) -> Result<(), Failure> {
    loader.ready().await.map_err(|error| Failure::unavailable(error.to_string()))?;
    let mut declared = config.servers.clone();
    if is_demo {
        declared.extend(demo::servers()?);
    }
    authority.sync_declared(declared).await?;
    let tokens = authority.publish_all().await?;
    let (now, today) = (clock.monotonic(), clock.now());
    let meters = &prepared.shared().meters;
    let restored = mcpass_authority::loader::spent(store, today, |family, at, cost| {
        meters.family(family).lock().restore(monotonic_of(at, today, now), now, cost);
    });
    restored.await.map_err(|error| {
        Failure::unavailable(format!("limits cannot be rebuilt from the access log: {error}"))
    })?;
    tracing::info!(tokens, "ready to decide");
    Ok(())
}

/// A moment of the past on the clock that limits go by.
fn monotonic_of(at: Timestamp, today: Timestamp, now: Monotonic) -> Monotonic {
    let ago = today.as_micros().saturating_sub(at.as_micros()).max(0);
    Monotonic::from_micros(now.as_micros().saturating_sub(ago))
}

async fn greet(
    config: &Config,
    folder: &DataFolder,
    authority: &Authority,
    address: std::net::SocketAddr,
    is_demo: bool,
) -> Result<(), Failure> {
    let url = snippets::endpoint(address);
    say(&format!("listening on http://{address}\n"));
    if !is_demo && let Some(link) = authority.setup_link_create(&Context::system("serve")).await? {
        say(&format!(
            "Console       {}\n              makes the first superuser, once, within a day\n",
            link.url.expose()
        ));
    }
    if is_demo {
        let text = demo::greeting(authority, &url, config, folder).await?;
        say(&text);
    } else {
        say(&format!(
            "MCP endpoint  {url}\nAdd a server  mcpass server add NAME --url URL\nIssue a token mcpass token create --name NAME --user USER --permission 'SERVER.*'\n"
        ));
    }
    Ok(())
}

/// Calls finish, streams end, records are written and loaded, and only then the locks go.
async fn end(config: &Config, running: Running) -> Result<(), Failure> {
    let Running { gateway, loader, control, shutdown, pages_end } = running;
    // Before the gateway waits for its connections: what follows the log would keep them open.
    pages_end.cancel();
    gateway.shutdown(config.limits.shutdown_grace.value.0).await;
    shutdown.cancel();
    if control.await.is_err() {
        tracing::error!("the control socket's task panicked");
    }
    loader.stop().await.map_err(|error| {
        Failure::unavailable(format!("the last records are not in the database yet: {error}"))
            .with_hint("they are safe in the journal; the next start loads them")
    })?;
    tracing::info!("ended");
    Ok(())
}

/// What a journal's record survives.
pub(super) const fn sync_of(mode: SyncMode) -> Sync {
    match mode {
        SyncMode::Always => Sync::Always,
        SyncMode::Process => Sync::Process,
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let fail = |error| Failure::new(format!("signals cannot be listened to: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(fail)?,
            terminate: signal(SignalKind::terminate()).map_err(fail)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
