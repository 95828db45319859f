//! How long pages of the console take where there is much to show.
//!
//! ```text
//! cargo xtask bench-console [TOKENS] [ROWS] [--data FOLDER] [--database URL] [--only TEXT]
//! ```
//!
//! That many tokens and rows of the access log of the last 30 days are written through the store;
//! 100,000 and 10,000,000 if not said otherwise. With `--data` they stay in that folder, and the
//! next run begins there; with `--only`, only pages whose name holds that text are measured. The
//! server is the real binary, on SQLite or, with `--database`, on an empty PostgreSQL database,
//! where what was written stays. Each page is asked for one time after the other by a
//! superuser who has signed in; the time is that from the request to the last byte of the answer,
//! over loopback, and CPU is the server's. Fails if a page does not show what it should; slow and
//! heavy pages are marked. How long a million numbers take to be sorted is measured before and
//! after, so that runs on different machines, or on one that has other work, can be compared. Needs
//! about 6 GB of room.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

mod fill;
mod pages;
mod world;

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_domain::{Clock as _, SystemClock, Timestamp};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{FakeUpstream, Mcpass, Visitor};
use tokio::time::Instant;

use crate::pages::{Page, Part};
use crate::world::World;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often a page is asked for, unless it takes long.
const TIMES: usize = 30;
/// And at least.
const FEW_TIMES: usize = 5;
/// How long one page is asked for.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a page may take in the middle.
const AIM: Duration = Duration::from_millis(50);
/// What the first page may weigh with all that comes with it, in bytes.
const AIM_BYTES: usize = 100_000;
const NAME: &str = "ana";
const PASSWORD: &str = "violet kettle marches north";
/// A moment, the tokens and the rows of a kept folder.
const NOTE: &str = "bench.txt";

#[tokio::main]
async fn main() -> Result<()> {
    let asked = Asked::read()?;
    let mut mcpass = Mcpass::new(&asked.binary)?;
    if let Some(folder) = &asked.data {
        mcpass = mcpass.with_data(folder);
    }
    if let Some(url) = &asked.database {
        mcpass = mcpass.with_database(url);
    }
    let world = prepare(&asked, &mcpass.data()).await?;
    let github = FakeUpstream::start().await?;
    // A kept folder knows the server, which had another port.
    if mcpass.cli(&["server", "edit", "github", "--url", &github.url()]).await.is_err() {
        mcpass.add_server("github", &github.url()).await?;
    }
    mcpass.start().await?;
    let mut person = Person::sign_in(&mcpass).await?;
    let assets = person.assets().await?;
    let sorted = sorted_in();
    println!("\n| page | p50 ms | slowest ms | CPU ms | kB | |\n|---|---:|---:|---:|---:|---|");
    let (mut slow, mut wrong) = (Vec::new(), Vec::new());
    for page in pages::all(&world).iter().filter(|page| page.what.contains(&asked.only)) {
        let measured = match page_measured(&mut person, page).await {
            Ok(measured) => measured,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", page.what));
                continue;
            }
        };
        let is_heavy = page.part == Part::Page && measured.bytes + assets > AIM_BYTES;
        println!("{}", measured.row(page.what, is_heavy));
        if measured.middle > AIM {
            slow.push(page.what);
        }
    }
    println!("\nStyle, script and icons, loaded once, compressed: {} kB.", assets.div_ceil(1_000));
    let after = sorted_in();
    println!("A million numbers are sorted in {sorted:.1?} before, {after:.1?} after.");
    println!(
        "Over {} ms: {}.",
        AIM.as_millis(),
        if slow.is_empty() { "none".to_owned() } else { slow.join("; ") }
    );
    mcpass.terminate().await?;
    ensure!(wrong.is_empty(), "wrong answers:\n{}", wrong.join("\n"));
    Ok(())
}

/// How long this machine takes for a known piece of work: the middle of several times.
fn sorted_in() -> Duration {
    let mut times = [Duration::ZERO; TIMES];
    for time in &mut times {
        let mut last = 1_u64;
        // Xorshift (Marsaglia, "Xorshift RNGs", 2003): the same numbers each time.
        let next = std::iter::repeat_with(|| {
            last ^= last << 13;
            last ^= last >> 7;
            last ^= last << 17;
            last
        });
        let mut numbers: Vec<u64> = next.take(1_000_000).collect();
        let begun = Instant::now();
        numbers.sort_unstable();
        std::hint::black_box(&numbers);
        *time = begun.elapsed();
    }
    times.sort_unstable();
    times[TIMES / 2]
}

/// What was asked for.
struct Asked {
    binary: String,
    tokens: u64,
    rows: u64,
    data: Option<PathBuf>,
    /// The URL of a PostgreSQL database, if it is not to be SQLite.
    database: Option<String>,
    /// Pages whose name holds this are measured.
    only: String,
}

impl Asked {
    fn read() -> Result<Self> {
        let mut arguments = std::env::args().skip(1);
        let usage = "usage: bench_console BINARY [TOKENS] [ROWS] [--data FOLDER] \
                     [--database URL] [--only TEXT]";
        let binary = arguments.next().context(usage)?;
        let (mut numbers, mut data, mut database) = (Vec::new(), None, None);
        let mut only = String::new();
        while let Some(word) = arguments.next() {
            match word.as_str() {
                "--data" => data = Some(arguments.next().context(usage)?.into()),
                "--database" => database = Some(arguments.next().context(usage)?),
                "--only" => only = arguments.next().context(usage)?,
                number => numbers.push(number.parse().context(usage)?),
            }
        }
        let number = |at: usize, usual| numbers.get(at).copied().unwrap_or(usual);
        let (tokens, rows) = (number(0, 100_000), number(1, 10_000_000));
        Ok(Self { binary, tokens, rows, data, database, only })
    }
}

/// Fills the data folder, if it has not been filled before.
async fn prepare(asked: &Asked, data: &Path) -> Result<World> {
    let path = data.join("mcpass.db");
    let note = data.join(NOTE);
    let world = if let Ok(text) = std::fs::read_to_string(&note) {
        let numbers: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
        let [at, tokens, rows] = numbers[..] else { anyhow::bail!("{}: {text}", note.display()) };
        let at = Timestamp::from_micros(i64::try_from(at)?);
        let world = World { now: at, tokens, rows };
        ensure!(
            (tokens, rows) == (asked.tokens, asked.rows),
            "there are {tokens} tokens and {rows} rows in {}: ask for as many, or remove it",
            data.display()
        );
        println!("What was written {at} is measured.");
        world
    } else {
        let world = World { now: SystemClock::new().now(), tokens: asked.tokens, rows: asked.rows };
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(data)?;
        ensure!(!path.exists(), "{} is not of this benchmark, or half written", path.display());
        let sqlite = format!("sqlite:{}", path.display());
        let store = mcpass_store::sql::connect(asked.database.as_ref().unwrap_or(&sqlite)).await?;
        let took = fill::fill(&world, &*store).await?;
        drop(store);
        std::fs::write(note, format!("{} {} {}", world.now.as_micros(), asked.tokens, asked.rows))?;
        println!("{took}");
        world
    };
    let size = std::fs::metadata(&path).map(|file| format!(", {} MB", file.len() / 1_000_000));
    println!("{} tokens and {} rows{}", world.tokens, world.rows, size.unwrap_or_default());
    Ok(world)
}

/// A superuser who has signed in.
struct Person {
    visitor: Visitor,
    /// What binds the forms of the session.
    csrf: String,
    /// The server's process.
    pid: u32,
}

impl Person {
    /// Is made at the first run.
    async fn sign_in(mcpass: &Mcpass) -> Result<Self> {
        let output = eventually("the server says where it is", async || {
            Ok(Some(mcpass.output()).filter(|output| output.contains("MCP endpoint")))
        });
        let output = output.await?;
        let link = output.lines().find_map(|line| line.strip_prefix("Console ")).map(str::trim);
        let mut visitor = Visitor::new(mcpass)?;
        if let Some(link) = link.filter(|link| link.contains("/setup")) {
            let session = visitor.set_up(link, NAME, PASSWORD).await?;
            visitor = Visitor::with_cookies(mcpass, &[session])?;
        } else {
            let answer = visitor.sign_in(NAME, PASSWORD).await?;
            ensure!(answer.status == 303, "{}", answer.shown());
        }
        let csrf = visitor.csrf("/tokens/new").await?;
        Ok(Self { visitor, csrf, pid: mcpass.pid()? })
    }

    /// What the server's process has used of the processors (proc(5), `/proc/PID/stat`): in steps
    /// of 10 ms, so it is for rounds of many answers.
    fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<u64> = fields.skip(11).take(2).flat_map(str::parse).collect();
        Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
    }

    /// Bytes of what the first page brings along, as a browser asks for it.
    async fn assets(&mut self) -> Result<usize> {
        let page = self.visitor.get("/").await?.text();
        let places = page.split('"').filter(|text| text.starts_with("/assets/"));
        let places: BTreeSet<_> = places.filter_map(|place| place.split('#').next()).collect();
        ensure!(places.len() == 3, "style, script and icons, not {places:?}");
        let mut bytes = 0;
        for place in places {
            let headers = [("Accept-Encoding", "gzip, deflate, br")];
            let answer = self.visitor.send("GET", place, &headers, "").await?;
            ensure!(answer.status == 200, "{place}: status {}", answer.status);
            bytes += answer.body.len();
        }
        Ok(bytes)
    }

    /// Asks once, and looks whether the answer is right.
    async fn ask(&mut self, page: &Page) -> Result<usize> {
        let Page { path, holds, .. } = page;
        let answer = match &page.part {
            Part::FirstBytes => {
                return Ok(self.visitor.first_bytes(path, holds).await?.len());
            }
            Part::Page | Part::Data => self.visitor.get(path).await?,
            Part::Form(fields) => {
                let fields = fields.iter().map(|(name, text)| (*name, text.as_str()));
                let fields: Vec<_> = fields.chain([("csrf", self.csrf.as_str())]).collect();
                self.visitor.post(path, &fields).await?
            }
        };
        ensure!(matches!(answer.status, 200 | 303), "{path}: {}", answer.shown());
        let text = answer.text();
        ensure!(text.contains(holds), "{path}: {holds:?} is not in {}", answer.shown());
        Ok(answer.body.len())
    }
}

/// What a page takes.
struct Measured {
    middle: Duration,
    slowest: Duration,
    /// Of the server's process, for each answer.
    cpu: Duration,
    bytes: usize,
}

impl Measured {
    fn row(&self, what: &str, is_heavy: bool) -> String {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let marks = [(self.middle > AIM, "slow"), (is_heavy, "heavy")];
        let marks: Vec<_> = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
        format!(
            "| {what} | {:.1} | {:.1} | {:.1} | {} | {} |",
            millis(self.middle),
            millis(self.slowest),
            millis(self.cpu),
            self.bytes.div_ceil(1_000),
            marks.join(", ")
        )
    }
}

/// The middle of one round; of the better of two, if the first one was slow: a machine that does
/// something else for a second is no slow page.
async fn page_measured(person: &mut Person, page: &Page) -> Result<Measured> {
    let first = round(person, page).await?;
    if first.middle <= AIM {
        return Ok(first);
    }
    let second = round(person, page).await?;
    Ok(if second.middle < first.middle { second } else { first })
}

async fn round(person: &mut Person, page: &Page) -> Result<Measured> {
    let mut times = Vec::with_capacity(TIMES);
    let mut bytes = 0;
    let (round, cpu) = (Instant::now(), person.cpu()?);
    while times.len() < FEW_TIMES || times.len() < TIMES && round.elapsed() < PATIENCE {
        let began = Instant::now();
        bytes = person.ask(page).await?;
        times.push(began.elapsed());
    }
    let cpu = person.cpu()?.saturating_sub(cpu) / u32::try_from(times.len())?;
    times.sort_unstable();
    let at = |at: usize| times.get(at).copied().unwrap_or_default();
    Ok(Measured { middle: at(times.len() / 2), slowest: at(times.len() - 1), cpu, bytes })
}
