//! A PostgreSQL of one's own: a fresh cluster in a temporary folder, reached through a Unix socket
//! there, gone when it is dropped or when the test process ends, however it ends.
//!
//! A small shell stands between: it starts and stops the server on lines from its standard input
//! and ends with it when that closes, which the kernel sees to even if this process is killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How to get PostgreSQL where it is missing.
const HINT: &str = "run scripts/test once, which installs it, or: apt-get install postgresql";
/// The database's superuser.
const USER: &str = "mcpass";
/// Only names the socket's file; no port is opened.
const PORT: u16 = 5432;

/// A private PostgreSQL server.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: PathBuf,
    programs: Programs,
    keeper: Mutex<Keeper>,
    databases: AtomicU32,
}

/// The shell that starts and stops the server, and what it is told and says.
#[derive(Debug)]
struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Where PostgreSQL's programs are, and as whom they run.
#[derive(Debug)]
struct Programs {
    bin: PathBuf,
    /// PostgreSQL refuses to run as root, so root lends it another account.
    as_postgres: bool,
}

impl PrivatePostgres {
    /// Makes a cluster and starts a server on it; takes about a second.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start, with what it said.
    pub fn start() -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("mcpass-pg-").tempdir()?.keep();
        let server = Self::in_folder(&folder, programs);
        if server.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        server
    }

    /// The server that all tests of this process share; each takes its own database.
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<PrivatePostgres, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}"))) {
            Ok(server) => Ok(server),
            Err(error) => bail!("{error}"),
        }
    }

    fn in_folder(folder: &Path, programs: Programs) -> Result<Self> {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        if programs.as_postgres {
            run(Command::new("chown").arg("postgres:").arg(folder))?;
        }
        let data = folder.join("data");
        let mut initdb = programs.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        run(initdb.arg(format!("--username={USER}")).arg("-D").arg(&data))?;
        let keeper = Mutex::new(Keeper::new(folder, &programs)?);
        let server =
            Self { folder: folder.to_owned(), programs, keeper, databases: AtomicU32::new(0) };
        server.start_again()?;
        Ok(server)
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    /// When the server does not run.
    pub fn create_database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut createdb = Command::new(self.programs.bin.join("createdb"));
        createdb.arg("--host").arg(&self.folder).args(["--port", &PORT.to_string()]);
        run(createdb.args(["--username", USER, &name]))?;
        Ok(self.url(&name))
    }

    /// Runs SQL in one of its databases, by its URL, and gives what `psql` prints: values without
    /// any decoration.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn sql(&self, url: &str, text: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.bin.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text]);
        let output = psql.stdin(Stdio::null()).output().context("psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The URL of the database of this name; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.display();
        format!("postgres://{USER}@localhost:{PORT}/{database}?host={folder}")
    }

    /// Stops the server as an operator does: it ends open connections and shuts down.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&self) -> Result<()> {
        self.order("stop")
    }

    /// Stops the server as a crash does: no goodbye, no checkpoint.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self) -> Result<()> {
        self.order("kill")
    }

    /// Starts the server on the same cluster, and waits until it can be used.
    ///
    /// # Errors
    /// When it does not start, with the end of its log.
    pub fn start_again(&self) -> Result<()> {
        self.order("start")?;
        // As pg_ctl does: the eighth line of this file says `ready`.
        let status = self.folder.join("data/postmaster.pid");
        for _ in 0..1_200 {
            let text = fs::read_to_string(&status).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let tail = log.lines().rev().take(5).collect::<Vec<_>>().join(" | ");
        bail!("PostgreSQL did not start within 30 s: {tail}")
    }

    fn order(&self, word: &str) -> Result<()> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).order(word)
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.orders = None;
        let _ = keeper.child.wait();
    }
}

impl Keeper {
    fn new(folder: &Path, programs: &Programs) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(KEEP).arg("mcpass-pg").arg(folder);
        let server = programs.command("postgres");
        shell.arg(server.get_program()).args(server.get_args());
        shell.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
        shell.args(["-p", &PORT.to_string(), "-c", "listen_addresses="]);
        // Tests need neither survive a power cut nor wait for a disk.
        shell.args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"]);
        // A group of its own, so that what stops the tests does not stop it before it cleaned up.
        shell.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().context("cannot start sh")?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().context("sh has no output")?;
        Ok(Self { child, orders, answers: BufReader::new(answers) })
    }

    fn order(&mut self, word: &str) -> Result<()> {
        let orders = self.orders.as_mut().context("PostgreSQL has been dropped")?;
        writeln!(orders, "{word}").context("PostgreSQL's keeper is gone")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(answer.trim() == "done", "PostgreSQL cannot {word}: {}", answer.trim());
        Ok(())
    }
}

/// `$1` is the folder, the rest is the server's command. SIGINT ends a server with its
/// connections, SIGQUIT at once.
const KEEP: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
pid=
halt() {
    [ -n "$pid" ] || { echo 'it does not run'; return; }
    kill -"$1" "$pid" 2>/dev/null
    wait "$pid"
    pid=
    echo done
}
while read -r word; do
    case $word in
    start)
        if [ -n "$pid" ]; then
            echo 'it runs already'
        else
            # Left by a crash; who waits for the start reads the new one.
            rm -f "$folder/data/postmaster.pid"
            "$@" </dev/null >>"$folder/log" 2>&1 &
            pid=$!
            echo done
        fi
        ;;
    stop) halt INT ;;
    kill) halt QUIT ;;
    esac
done
halt QUIT >/dev/null
rm -rf "$folder"
"#;

impl Programs {
    fn find() -> Result<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut debian: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        let version =
            |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
        debian.sort_by_key(|bin| std::cmp::Reverse(version(bin)));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bin = debian
            .into_iter()
            .chain(std::env::split_paths(&path))
            .find(|bin| ["initdb", "postgres", "createdb"].iter().all(|p| bin.join(p).is_file()))
            .with_context(|| format!("PostgreSQL is not installed; {HINT}"))?;
        let id = Command::new("id").arg("-u").output().context("cannot run id")?;
        let as_postgres = id.stdout.trim_ascii() == b"0";
        if as_postgres {
            let known = Command::new("id").args(["-u", "postgres"]).output()?.status.success();
            ensure!(
                known,
                "PostgreSQL does not run as root and there is no account postgres; {HINT}"
            );
        }
        Ok(Self { bin, as_postgres })
    }

    /// One of PostgreSQL's programs, as an account that it accepts. It dies with its parent.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = Command::new("setpriv");
        if self.as_postgres {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.args(["--pdeathsig=QUIT", "--"]).arg(program).current_dir("/");
        command
    }
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown} failed: {}", error.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn socket(server: &PrivatePostgres) -> PathBuf {
        server.folder.join(format!(".s.PGSQL.{PORT}"))
    }

    #[test]
    fn a_server_starts_stops_and_leaves_nothing() {
        let server = PrivatePostgres::start().unwrap();
        let (folder, socket) = (server.folder.clone(), socket(&server));
        assert_ne!(server.create_database().unwrap(), server.create_database().unwrap());
        UnixStream::connect(&socket).unwrap();
        for stop in [PrivatePostgres::stop, PrivatePostgres::kill] {
            stop(&server).unwrap();
            assert!(UnixStream::connect(&socket).is_err());
            assert!(server.create_database().is_err());
            assert!(stop(&server).is_err(), "it is stopped already");
            server.start_again().unwrap();
            server.create_database().unwrap();
        }
        drop(server);
        assert!(!folder.exists());
        assert!(UnixStream::connect(&socket).is_err());
    }

    #[test]
    fn a_server_ends_when_its_keeper_is_killed() {
        let server = PrivatePostgres::start().unwrap();
        let socket = socket(&server);
        let keeper = server.keeper.lock().unwrap().child.id().to_string();
        run(Command::new("kill").args(["-KILL", &keeper])).unwrap();
        let gone = (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            UnixStream::connect(&socket).is_err()
        });
        let folder = server.folder.clone();
        drop(server);
        fs::remove_dir_all(folder).unwrap();
        assert!(gone, "PostgreSQL outlived its keeper");
    }
}
